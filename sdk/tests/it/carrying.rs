//! The table "where a context goes" of the documentation, row by row: what carries a context, and what needs a wrapper.

use std::sync::mpsc;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use laneway::{Context, FutureExt, Lane, carry, carry_stream, span};
use rayon::prelude::*;
use tokio::task::{JoinSet, LocalSet};
use tracing::info_span;

use crate::collector::Bed;

fn lane() -> String {
    laneway::current_lane().to_string()
}

/// Runs a future in the lane `grey`.
async fn grey<F: Future>(future: F) -> F::Output {
    laneway::with_lane(Lane::new("grey").unwrap(), future).await
}

async fn yielding() -> String {
    tokio::task::yield_now().await;
    lane()
}

#[tokio::test]
async fn awaiting_needs_nothing() {
    grey(async {
        assert_eq!(yielding().await, "grey");
        let (left, right) = tokio::join!(yielding(), yielding());
        assert_eq!((left.as_str(), right.as_str()), ("grey", "grey"));
        tokio::select! {
            lane = yielding() => assert_eq!(lane, "grey"),
            lane = async { tokio::task::yield_now().await; yielding().await } => assert_eq!(lane, "grey"),
        }
    })
    .await;
}

#[tokio::test]
async fn futures_and_streams_that_are_polled_here_need_nothing() {
    grey(async {
        let unordered: FuturesUnordered<_> = (0..3).map(|_| yielding()).collect();
        assert_eq!(unordered.collect::<Vec<_>>().await, ["grey"; 3]);
        let buffered = futures_util::stream::iter(0..3).map(|_| yielding()).buffer_unordered(2);
        assert_eq!(buffered.collect::<Vec<_>>().await, ["grey"; 3]);
    })
    .await;
}

#[tokio::test]
async fn a_stream_that_is_polled_elsewhere_needs_carry_stream() {
    let stream = |n: u8| futures_util::stream::iter(0..n).map(|_| lane());
    let (plain, carried) = grey(async { (stream(2), carry_stream(stream(2))) }).await;
    assert_eq!(plain.collect::<Vec<_>>().await, ["base"; 2]);
    assert_eq!(carried.collect::<Vec<_>>().await, ["grey"; 2]);
}

#[tokio::test]
async fn a_task_needs_spawn() {
    grey(async {
        assert_eq!(tokio::spawn(yielding()).await.unwrap(), "base");
        assert_eq!(laneway::spawn(yielding()).await.unwrap(), "grey");
    })
    .await;
}

#[tokio::test]
async fn a_join_set_needs_in_current_context() {
    grey(async {
        let mut set = JoinSet::new();
        set.spawn(yielding());
        assert_eq!(set.join_next().await.unwrap().unwrap(), "base");
        set.spawn(yielding().in_current_context());
        assert_eq!(set.join_next().await.unwrap().unwrap(), "grey");
    })
    .await;
}

#[tokio::test]
async fn a_local_task_needs_spawn_local() {
    let tasks = async {
        grey(async {
            assert_eq!(tokio::task::spawn_local(yielding()).await.unwrap(), "base");
            assert_eq!(laneway::spawn_local(yielding()).await.unwrap(), "grey");
        })
        .await;
    };
    LocalSet::new().run_until(tasks).await;
}

#[tokio::test]
async fn a_blocking_task_needs_spawn_blocking() {
    grey(async {
        assert_eq!(tokio::task::spawn_blocking(lane).await.unwrap(), "base");
        assert_eq!(laneway::spawn_blocking(lane).await.unwrap(), "grey");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blocking_in_place_needs_nothing() {
    grey(async {
        assert_eq!(tokio::task::block_in_place(lane), "grey");
        assert_eq!(yielding().await, "grey");
    })
    .await;
    assert_eq!(yielding().await, "base");
}

#[tokio::test]
async fn a_thread_needs_carry() {
    grey(async {
        assert_eq!(std::thread::spawn(lane).join().unwrap(), "base");
        assert_eq!(std::thread::spawn(carry(lane)).join().unwrap(), "grey");
        // Also one that borrows.
        let name = String::from("seen in ");
        let seen = std::thread::scope(|scope| scope.spawn(carry(|| name.clone() + &lane())).join().unwrap());
        assert_eq!(seen, "seen in grey");
    })
    .await;
}

#[tokio::test]
async fn rayon_needs_carry_or_in_scope() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    grey(async {
        let (sender, receiver) = mpsc::channel();
        let plain = sender.clone();
        pool.spawn(move || plain.send(lane()).unwrap());
        assert_eq!(receiver.recv().unwrap(), "base");
        pool.spawn(carry(move || sender.send(lane()).unwrap()));
        assert_eq!(receiver.recv().unwrap(), "grey");

        let context = Context::current();
        let seen: Vec<_> = pool.install(|| (0..8).into_par_iter().map(|_| context.in_scope(lane)).collect());
        assert_eq!(seen, ["grey"; 8]);
    })
    .await;
}

#[tokio::test]
async fn a_panic_leaves_nothing_behind() {
    let doomed = grey(async {
        let _entered = span!("doomed").entered();
        panic!("on purpose")
    });
    let result: Result<(), _> =
        futures_util::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(doomed)).await;
    assert!(result.is_err());
    assert_eq!(lane(), "base");
}

#[tokio::test]
async fn what_is_lost_is_counted_and_told() {
    let bed = Bed::start().await;
    let work = || async { info_span!("database call").in_scope(|| {}) };
    // Until the process has answered a request, a root may well be meant.
    work().await;
    info_span!("request", otel.kind = "server").in_scope(|| {});
    assert_eq!(bed.guard.stats().context_lost, 0);
    let request = info_span!("request", otel.kind = "server");
    tracing::Instrument::instrument(
        async {
            work().await;
            laneway::spawn(work()).await.unwrap();
            info_span!(parent: None, "nightly sweep").in_scope(|| {});
            tokio::spawn(work()).await.unwrap();
        },
        request,
    )
    .await;
    let (_, stats) = bed.finish_with_stats().await;
    assert_eq!(stats.context_lost, 1, "that of tokio::spawn");
}
