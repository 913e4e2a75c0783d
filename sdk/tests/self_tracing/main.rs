//! The exporter must not export what its own HTTP stack traces. To be able to, it must reach the global subscriber: so this is
//! a process of its own.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "../it/collector.rs"]
#[allow(dead_code, reason = "shared with the other tests, which use more of it")]
mod collector;
#[path = "../it/tree.rs"]
#[allow(dead_code, reason = "shared with the other tests, which use more of it")]
mod tree;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tracing::span::{Attributes, Id};
use tracing::{Subscriber, info_span};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use collector::Collector;

/// Counts the spans that the exporter's thread opens.
#[derive(Clone, Default)]
struct ExporterSpans(Arc<AtomicUsize>);

impl<S: Subscriber> Layer<S> for ExporterSpans {
    fn on_new_span(&self, _: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        if std::thread::current().name().is_some_and(|name| name.starts_with("laneway-")) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[test]
fn the_exporter_s_own_spans_are_not_exported() {
    // A thread without a subscriber: the collector double has the same HTTP stack.
    let (address, collector) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let _none = tracing::dispatcher::set_default(&tracing::Dispatch::none());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            address.send(Collector::start().await).unwrap();
            std::future::pending::<()>().await;
        });
    });
    let collector = collector.recv().unwrap();

    let (layer, guard) = laneway::builder()
        .endpoint(format!("http://localhost:{}", collector.address.port()))
        .filter("trace")
        .build()
        .unwrap();
    let of_exporter = ExporterSpans::default();
    tracing_subscriber::registry().with(layer).with(of_exporter.clone()).init();
    // Several exports: what one of them traces would leave with the next.
    let flushing = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for _ in 0..5 {
        info_span!("work").in_scope(|| {});
        assert!(flushing.block_on(guard.flush()));
    }
    drop(guard);
    let names: Vec<_> = collector.spans().0.into_iter().map(|span| span.name).collect();
    assert_eq!(names, ["work"; 5]);
    assert!(of_exporter.0.load(Ordering::Relaxed) > 0, "there was something to leave out");
}
