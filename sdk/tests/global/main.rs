//! The global set-up. A process has one, and `tracing` behaves differently when there are no others: it lets what is traced
//! while it dispatches through. So this is a process of its own.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "../it/collector.rs"]
#[allow(dead_code, reason = "shared with the other tests, which use more of it")]
mod collector;
#[path = "../it/tree.rs"]
#[allow(dead_code, reason = "shared with the other tests, which use more of it")]
mod tree;

use std::fmt;

use tracing::field::Empty;
use tracing::{info, info_span};

use collector::Collector;
use tree::text;

/// A value whose formatting itself traces, as a lazily loaded one might.
struct Chatty;

impl fmt::Debug for Chatty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        info_span!("while formatting").in_scope(|| info!("nested"));
        tracing::Span::current().record("late", 1);
        f.write_str("chatty")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn install_sets_the_global_subscriber_once_and_it_never_deadlocks() {
    let collector = Collector::start().await;
    let builder = || laneway::builder().service_name("global").endpoint(collector.endpoint());
    let guard = builder().install().unwrap();
    assert!(matches!(builder().install(), Err(laneway::InitError::SubscriberInstalled)));

    let traced = || {
        info_span!("outer", late = Empty, value = Empty).in_scope(|| {
            info!(value = ?Chatty, "event");
            tracing::Span::current().record("value", tracing::field::debug(Chatty));
            info_span!("created", value = ?Chatty).in_scope(|| {});
        });
    };
    tokio::task::spawn_blocking(traced).await.unwrap();

    assert!(guard.flush().await);
    let spans = collector.spans();
    assert_eq!(text(&spans.named("outer").attributes, "value"), Some("chatty"));
    assert_eq!(text(&spans.named("created").attributes, "value"), Some("chatty"));
    assert_eq!(spans.0.iter().filter(|span| span.name == "while formatting").count(), 3);
    assert_eq!(spans.0.len(), 5, "and nothing of the exporter's or the collector double's own");
}
