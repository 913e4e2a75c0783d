//! Spans and lanes over `.await`, tasks and threads.

use std::time::Duration;

use laneway::{Context, FutureExt, Lane, with_lane};
use tracing::{Instrument, info, info_span};

use crate::collector::Bed;

fn grey() -> Lane {
    Lane::new("grey").unwrap()
}

async fn step(name: &'static str) {
    let span = info_span!("step", otel.name = name);
    async {
        tokio::task::yield_now().await;
        info!("halfway");
        tokio::task::yield_now().await;
    }
    .instrument(span)
    .await;
}

#[tokio::test]
async fn tasks_are_children_of_who_spawned_them() {
    let bed = Bed::start().await;
    let request = async {
        step("awaited").await;
        laneway::spawn(step("spawned")).await.unwrap();
        let mut set = tokio::task::JoinSet::new();
        set.spawn(step("in a set").in_current_context());
        set.join_all().await;
        tokio::spawn(step("lost")).await.unwrap();
        tokio::join!(step("left"), step("right"));
        tokio::select! {
            biased;
            () = step("slow").in_context(Context::default()) => {}
            () = step("quick") => {}
        }
    };
    with_lane(grey(), request.instrument(info_span!("request"))).await;
    bed.finish().await.assert_tree(
        "
         internal request
           internal awaited
           internal spawned
           internal in a set
           internal left
           internal right
           internal quick
         internal lost
         internal slow",
    );
}

#[tokio::test]
async fn a_span_opened_in_the_lane_has_it_with_all_that_follows() {
    let bed = Bed::start().await;
    with_lane(grey(), async {
        async {
            step("awaited").await;
            laneway::spawn(step("spawned")).await.unwrap();
            laneway::spawn_blocking(|| assert_eq!(laneway::current_lane(), grey())).await.unwrap();
        }
        .instrument(info_span!("request"))
        .await;
    })
    .await;
    bed.finish().await.assert_tree(
        "
         internal request [grey]
           internal awaited [grey]
           internal spawned [grey]",
    );
}

#[tokio::test]
async fn blocking_threads_see_the_span_and_its_context() {
    let bed = Bed::start().await;
    async {
        let context = Context::current();
        let seen = laneway::spawn_blocking(|| {
            info!("from the thread");
            Context::current()
        });
        let seen = seen.await.unwrap();
        assert_eq!((seen.trace_id(), seen.span_id()), (context.trace_id(), context.span_id()));
        assert!(seen.trace_id().is_some());
        let plain = tokio::task::spawn_blocking(Context::current).await.unwrap();
        assert_eq!(plain.trace_id(), None);
    }
    .instrument(info_span!("request"))
    .await;
    bed.finish().await.assert_tree("internal request");
}

/// Opens a span when it is dropped.
struct Cleanup;

impl Drop for Cleanup {
    fn drop(&mut self) {
        info_span!("cleanup").in_scope(|| {});
    }
}

#[tokio::test]
async fn an_aborted_task_cleans_up_in_its_trace() {
    let bed = Bed::start().await;
    let (started, running) = tokio::sync::oneshot::channel();
    let task = info_span!("request").in_scope(|| {
        laneway::spawn(async move {
            let _cleanup = Cleanup;
            let _ = started.send(());
            std::future::pending::<()>().await;
        })
    });
    running.await.unwrap();
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    bed.finish().await.assert_tree(
        "
         internal request
           internal cleanup",
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_tasks_on_many_threads_do_not_mix() {
    use tracing::instrument::WithSubscriber;

    let bed = Bed::start().await;
    let tasks: Vec<_> = (0..50)
        .map(|i| {
            let lane = Lane::new(&format!("lane-{i}")).unwrap();
            let work = async move {
                let trace_id = laneway::current_trace_id();
                for _ in 0..20 {
                    step("step").await;
                    tokio::time::sleep(Duration::from_micros(50)).await;
                    assert_eq!(laneway::current_lane().as_str(), format!("lane-{i}"));
                    assert_eq!(laneway::current_trace_id(), trace_id);
                }
            };
            let work = async move { work.instrument(info_span!("task")).await };
            tokio::spawn(with_lane(lane, work).with_subscriber(bed.dispatch.clone()))
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let spans = bed.finish().await;
    assert_eq!(spans.0.len(), 50 * 21);
    assert_eq!(spans.tree().lines().filter(|line| line.starts_with("internal task")).count(), 50);
}
