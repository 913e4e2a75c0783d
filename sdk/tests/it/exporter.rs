//! Sending: when the collector is away, slow, full, or odd.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use laneway::Stats;
use laneway_proto::otlp::wire;
use tokio::net::TcpListener;
use tonic::{Code, Status};
use tracing::{Event, Subscriber, info_span};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use crate::collector::{Bed, Collector};
use crate::tree::text;

const SOON: Duration = Duration::from_millis(10);
const LONG: Duration = Duration::from_secs(3600);

fn span(name: &'static str) {
    drop(info_span!("span", otel.name = name));
}

fn figures(stats: Stats) -> (u64, u64, u64) {
    (stats.exported, stats.dropped, stats.failed)
}

/// An address where nobody listens yet.
async fn free_address() -> std::net::SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

#[tokio::test]
async fn a_request_names_the_resource_and_the_scope() {
    let bed = Bed::with(|builder| {
        builder
            .header("authorization", "secret")
            .resource_attribute("team", "shop")
            .lane("grey".parse().unwrap())
    })
    .await;
    span("a");
    assert!(bed.guard.flush().await);
    let received = bed.collector.resource_spans();
    let resource = &received[0].resource.as_ref().unwrap().attributes;
    for (key, value) in [("service.name", "test"), ("team", "shop"), ("service.lane", "grey")] {
        assert_eq!(text(resource, key), Some(value));
    }
    let scope = received[0].scope_spans[0].scope.as_ref().unwrap();
    assert_eq!((scope.name.as_str(), scope.version.as_str()), ("laneway", env!("CARGO_PKG_VERSION")));
    assert_eq!(bed.collector.last_metadata().get("authorization").unwrap(), "secret");
    assert!(!format!("{:?}", bed.guard).contains("secret"));
}

#[tokio::test]
async fn spans_leave_after_the_delay_or_when_a_batch_is_full() {
    let bed = Bed::with(|builder| builder.schedule_delay(SOON)).await;
    span("timed");
    bed.collector.requests(1).await;

    let bed = Bed::with(|builder| builder.schedule_delay(LONG).max_batch_spans(10)).await;
    for _ in 0..25 {
        span("batched");
    }
    bed.collector.requests(2).await;
    assert_eq!(bed.collector.spans().0.len(), 20);
    let (spans, stats) = bed.finish_with_stats().await;
    assert_eq!((spans.0.len(), figures(stats)), (25, (25, 0, 0)));
}

#[tokio::test]
async fn spans_survive_a_collector_that_is_down_at_first() {
    let address = free_address().await;
    let (layer, guard) =
        laneway::builder().endpoint(address.to_string()).schedule_delay(SOON).build::<Registry>().unwrap();
    let _default = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
    span("early");
    // Long enough for attempts in vain; the test holds however many there were.
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert_eq!(figures(guard.stats()), (0, 0, 0));
    let collector = Collector::serve(TcpListener::bind(address).await.unwrap());
    collector.requests(1).await;
    assert_eq!(figures(guard.shutdown().await), (1, 0, 0));
    collector.spans().named("early");
}

#[tokio::test]
async fn retryable_answers_are_retried_and_others_are_not() {
    for code in [Code::Unavailable, Code::DeadlineExceeded, Code::Aborted, Code::OutOfRange, Code::Cancelled]
    {
        let bed = Bed::start().await;
        bed.collector.answer_next(Err(Status::new(code, "later")));
        span("a");
        assert!(bed.guard.flush().await, "{code:?}");
        assert_eq!((bed.collector.request_count(), figures(bed.guard.stats())), (2, (1, 0, 0)), "{code:?}");
    }
    for code in [Code::InvalidArgument, Code::Unauthenticated, Code::ResourceExhausted, Code::Unimplemented] {
        let bed = Bed::start().await;
        bed.collector.answer_next(Err(Status::new(code, "never")));
        span("a");
        assert!(!bed.guard.flush().await, "{code:?}");
        assert_eq!((bed.collector.request_count(), figures(bed.guard.stats())), (1, (0, 0, 1)), "{code:?}");
    }
}

/// A status with a `RetryInfo`.
fn busy(code: Code, delay_ms: i64) -> Status {
    let mut details = Vec::new();
    wire::message(&mut details, 3, |any| {
        wire::string(any, 1, "type.googleapis.com/google.rpc.RetryInfo");
        wire::message(any, 2, |info| {
            wire::message(info, 1, |delay| wire::int64(delay, 2, delay_ms * 1_000_000))
        });
    });
    Status::with_details(code, "busy", details.into())
}

#[tokio::test]
async fn a_busy_collector_is_given_the_time_it_asks_for() {
    let bed = Bed::start().await;
    bed.collector.answer_next(Err(busy(Code::ResourceExhausted, 400)));
    span("a");
    let asked = Instant::now();
    assert!(bed.guard.flush().await);
    assert!(asked.elapsed() >= Duration::from_millis(400), "{:?}", asked.elapsed());
}

#[tokio::test]
async fn a_partial_success_counts_what_was_rejected() {
    let mut partial = Vec::new();
    wire::message(&mut partial, 1, |buf| {
        wire::int64(buf, 1, 2);
        wire::string(buf, 2, "two are too old");
    });
    let bed = Bed::start().await;
    bed.collector.answer_next(Ok(partial.into()));
    for _ in 0..5 {
        span("a");
    }
    let (_, stats) = bed.finish_with_stats().await;
    assert_eq!(figures(stats), (3, 0, 2));
}

#[tokio::test]
async fn an_endless_answer_is_cut_off_and_not_asked_for_again() {
    let bed = Bed::start().await;
    bed.collector.answer_next(Ok(Bytes::from(vec![0; 200_000])));
    span("a");
    assert!(!bed.guard.flush().await);
    assert_eq!((bed.collector.request_count(), figures(bed.guard.stats())), (1, (0, 0, 1)));
}

#[tokio::test]
async fn a_peer_that_never_answers_is_given_up_after_the_timeout() {
    // Accepts connections and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (layer, guard) = laneway::builder()
        .endpoint(silent.local_addr().unwrap().to_string())
        .export_attempt_timeout(Duration::from_millis(50))
        .export_timeout(Duration::from_millis(200))
        .build::<Registry>()
        .unwrap();
    let _default = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
    span("a");
    assert!(!guard.flush().await);
    assert_eq!(figures(guard.stats()), (0, 0, 1));
}

#[tokio::test]
async fn a_full_queue_drops_and_counts_and_never_blocks() {
    let address = free_address().await;
    let (layer, guard) = laneway::builder()
        .endpoint(address.to_string())
        .schedule_delay(LONG)
        .max_queue_spans(10)
        .shutdown_timeout(LONG)
        .build::<Registry>()
        .unwrap();
    let _default = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
    for _ in 0..1000 {
        span("a");
    }
    // Full batches that the exporter took out of the queue make room for as many again.
    let dropped = guard.stats().dropped;
    assert!((900..=990).contains(&dropped), "{dropped}");
    let started = Instant::now();
    let stats = guard.shutdown().await;
    assert!(started.elapsed() < Duration::from_secs(60), "an absent collector does not hold up the exit");
    assert_eq!(stats.exported + stats.dropped + stats.failed, 1000);
}

#[tokio::test]
async fn dropping_the_guard_sends_what_is_left() {
    let bed = Bed::with(|builder| builder.schedule_delay(LONG)).await;
    span("last words");
    let (guard, collector) = (bed.guard, bed.collector);
    // Blocks: on a thread of its own, as the collector double needs this one.
    tokio::task::spawn_blocking(move || drop(guard)).await.unwrap();
    collector.spans().named("last words");
}

#[tokio::test]
async fn shutting_down_ends_at_its_deadline_with_everything_accounted_for() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (layer, guard) = laneway::builder()
        .endpoint(silent.local_addr().unwrap().to_string())
        .max_batch_spans(2)
        .schedule_delay(LONG)
        .shutdown_timeout(Duration::from_millis(100))
        .build::<Registry>()
        .unwrap();
    let _default = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
    for _ in 0..7 {
        span("a");
    }
    let started = Instant::now();
    let stats = guard.shutdown().await;
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert_eq!((stats.exported, stats.dropped + stats.failed), (0, 7));
    assert!(stats.failed >= 1, "the batch that was being sent");
}

/// Keeps the messages of this crate's own events.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl<S: Subscriber> Layer<S> for Log {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        event.record(&mut |field: &tracing::field::Field, value: &dyn std::fmt::Debug| {
            if field.name() == "message" && event.metadata().target() == "laneway" {
                self.0.lock().unwrap().push(format!("{value:?}"));
            }
        });
    }
}

#[tokio::test]
async fn each_change_is_told_once_to_the_service_s_own_subscriber() {
    let address = free_address().await;
    let (layer, guard) =
        laneway::builder().endpoint(address.to_string()).schedule_delay(SOON).build::<Registry>().unwrap();
    let log = Log::default();
    let subscriber = tracing_subscriber::registry().with(layer).with(log.clone());
    let _default = tracing::subscriber::set_default(subscriber);
    span("a");
    // Several attempts in vain.
    tokio::time::sleep(Duration::from_millis(400)).await;
    let collector = Collector::serve(TcpListener::bind(address).await.unwrap());
    guard.flush().await;
    span("b");
    assert_eq!(figures(guard.shutdown().await), (2, 0, 0));
    let names: Vec<_> = collector.spans().0.into_iter().map(|span| span.name).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(*log.0.lock().unwrap(), ["spans cannot be exported", "spans are exported again"]);
}
