use std::collections::HashSet;
use std::sync::{Barrier, Mutex};

use super::*;

#[test]
fn results_come_in_the_order_of_the_items() {
    for helpers in 0..4 {
        for count in [0, 1, 2, 100] {
            let items: Vec<usize> = (0..count).collect();
            let doubled: Vec<usize> = items.iter().map(|item| item * 2).collect();
            assert_eq!(map(helpers, &items, |item| item * 2), doubled);
        }
    }
}

#[test]
fn as_many_threads_work_as_are_free() {
    let helpers = Helpers::new(2);
    // Each waits until all three are at work.
    let (barrier, threads) = (Barrier::new(3), Mutex::new(HashSet::new()));
    helpers.map(&[(); 3], |()| {
        threads.lock().unwrap().insert(thread::current().id());
        barrier.wait();
    });
    assert_eq!(threads.lock().unwrap().len(), 3);

    let (first, second) = (helpers.take(1), helpers.take(5));
    assert_eq!((first.count, second.count, helpers.take(5).count), (1, 1, 0));
    drop(first);
    assert_eq!(helpers.take(5).count, 1);
}

#[test]
fn a_panic_of_a_helper_is_one_of_the_caller_and_the_helper_is_free_again() {
    let helpers = Helpers::new(1);
    let barrier = Barrier::new(2);
    let caller = thread::current().id();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        helpers.map(&[(); 2], |()| {
            barrier.wait();
            assert_eq!(thread::current().id(), caller);
        })
    }));
    assert!(panicked.is_err());
    assert_eq!(helpers.take(5).count, 1);
}
