use super::{Admission, Exhausted};
use crate::config::ByteSize;

#[test]
fn a_lease_is_given_back_when_it_is_dropped() {
    let admission = Admission::new(ByteSize(100));
    let lease = admission.lease(60).unwrap();
    assert_eq!(admission.in_use(), 60);
    drop(lease);
    assert_eq!(admission.in_use(), 0);
}

#[test]
fn what_does_not_fit_is_refused_and_takes_nothing() {
    let admission = Admission::new(ByteSize(100));
    let mut lease = admission.lease(60).unwrap();
    assert_eq!(admission.lease(41).unwrap_err(), Exhausted);
    assert_eq!(lease.grow(41), Err(Exhausted));
    assert_eq!(admission.in_use(), 60);
    assert_eq!(lease.grow(40), Ok(()));
    assert_eq!(admission.in_use(), 100);
    drop(lease);
    assert_eq!(admission.in_use(), 0);
}

#[test]
fn threads_never_take_more_than_there_is() {
    let admission = Admission::new(ByteSize(1_000));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..2_000 {
                    let leases: Vec<_> = (0..5).map(|_| admission.lease(90)).collect();
                    assert!(admission.in_use() <= 1_000);
                    drop(leases);
                }
            });
        }
    });
    assert_eq!(admission.in_use(), 0);
}
