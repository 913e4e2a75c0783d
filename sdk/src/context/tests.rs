use super::*;
use crate::{FutureExt, carry, with_lane};

fn lane(name: &str) -> Context {
    Context::default().with_lane(Lane::new(name).unwrap())
}

fn current() -> String {
    current_lane().to_string()
}

#[test]
fn guards_nest_and_restore() {
    assert_eq!(current(), "base");
    let outer = lane("outer").enter();
    {
        let _inner = lane("inner").enter();
        assert_eq!(current(), "inner");
    }
    assert_eq!(current(), "outer");
    drop(outer);
    assert_eq!(current(), "base");
}

#[test]
fn guards_dropped_out_of_order_leave_nothing_behind() {
    let first = lane("first").enter();
    let second = lane("second").enter();
    drop(first);
    assert_eq!(current(), "second");
    drop(second);
    assert_eq!(current(), "base");
}

#[test]
fn a_panic_restores_the_context() {
    let result = std::panic::catch_unwind(|| lane("doomed").in_scope(|| panic!("on purpose")));
    assert!(result.is_err());
    assert_eq!(current(), "base");
}

#[test]
fn a_function_carries_its_context_to_another_thread() {
    let carried = lane("grey").in_scope(|| carry(current));
    assert_eq!(current(), "base");
    assert_eq!(std::thread::spawn(carried).join().unwrap(), "grey");
}

/// A destructor that runs when what the thread had is gone already, and one that runs before.
#[test]
fn while_a_thread_is_torn_down_there_is_a_context_or_none() {
    struct AtEnd(std::sync::mpsc::Sender<(String, String)>);
    impl Drop for AtEnd {
        fn drop(&mut self) {
            let outer = current();
            let inner = lane("late").in_scope(current);
            drop(self.0.send((outer, inner)));
        }
    }
    thread_local! {
        static LAST: std::cell::OnceCell<AtEnd> = const { std::cell::OnceCell::new() };
        static FIRST: std::cell::OnceCell<AtEnd> = const { std::cell::OnceCell::new() };
    }
    let (sender, receiver) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        // The last one that is used is the first one to go.
        LAST.with(|last| drop(last.set(AtEnd(sender.clone()))));
        std::mem::forget(lane("left").enter());
        FIRST.with(|first| drop(first.set(AtEnd(sender))));
    });
    thread.join().unwrap();
    let seen: Vec<_> = receiver.iter().collect();
    let pair = |outer: &str, inner: &str| (outer.to_owned(), inner.to_owned());
    assert_eq!(seen, [pair("left", "late"), pair("base", "base")]);
}

#[tokio::test]
async fn a_future_has_its_context_at_every_poll_and_nothing_else_has() {
    let work = |name: &'static str| {
        lane(name).scope(async move {
            for _ in 0..3 {
                assert_eq!(current(), name);
                tokio::task::yield_now().await;
            }
        })
    };
    // The two are polled in turns on one thread.
    tokio::join!(work("blue"), work("grey"), async {
        for _ in 0..3 {
            assert_eq!(current(), "base");
            tokio::task::yield_now().await;
        }
    });
}

#[tokio::test]
async fn select_and_nested_scopes_keep_contexts_apart() {
    with_lane(Lane::new("outer").unwrap(), async {
        tokio::select! {
            biased;
            () = std::future::pending::<()>().in_context(lane("never")) => unreachable!(),
            () = async { assert_eq!(current(), "inner") }.in_context(lane("inner")) => {}
        }
        assert_eq!(current(), "outer");
    })
    .await;
}

/// Says in which lane it was dropped.
struct Witness(std::sync::mpsc::Sender<String>);

impl Drop for Witness {
    fn drop(&mut self) {
        let _ = self.0.send(current());
    }
}

#[tokio::test]
async fn locals_of_an_aborted_task_still_see_its_context() {
    let (sender, receiver) = std::sync::mpsc::channel();
    let (started, running) = tokio::sync::oneshot::channel();
    let task = tokio::spawn(lane("grey").scope(async move {
        let _witness = Witness(sender);
        let _ = started.send(());
        std::future::pending::<()>().await;
    }));
    running.await.unwrap();
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    assert_eq!(receiver.recv().unwrap(), "grey");
}

#[tokio::test]
async fn a_future_that_is_done_is_dropped_in_its_context() {
    let (sender, receiver) = std::sync::mpsc::channel();
    let witness = Witness(sender);
    lane("grey").scope(async move { drop(witness) }).await;
    assert_eq!(receiver.recv().unwrap(), "grey");
}

#[test]
fn debug_shows_no_baggage() {
    let carried = Carried { baggage: "user=alice".to_owned(), ..Carried::default() };
    let context = Context::new(None, Lane::base(), carried);
    assert_eq!(format!("{context:?}"), "Context { lane: base, .. }");
}
