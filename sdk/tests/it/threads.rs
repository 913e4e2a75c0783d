//! Spans of `tracing` that threads open, enter, describe and end for each other, more of them at once than are at hand.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, mpsc};

use laneway::Guard;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tracing::field::Empty;
use tracing::{Dispatch, info_span};
use tracing_subscriber::layer::SubscriberExt;

use crate::tree::int;

const THREADS: usize = 4;
const BURSTS: usize = 30;
/// In a burst; every second one ends on another thread.
const CHILDREN: usize = 40;
/// That a thread leaves open until its end.
const LEFT_OPEN: usize = 1_000;

type Open = (tracing::Span, usize);

#[tokio::test]
async fn through_a_layer() {
    let (received, builder) = builder();
    let (layer, guard) = builder.build().unwrap();
    storm(Dispatch::new(tracing_subscriber::registry().with(layer)));
    check(guard, &received).await;
}

#[tokio::test]
async fn through_a_subscriber() {
    let (received, builder) = builder();
    let (subscriber, guard) = builder.build_subscriber().unwrap();
    storm(Dispatch::new(subscriber.unwrap()));
    check(guard, &received).await;
}

fn builder() -> (Arc<Mutex<Vec<Span>>>, laneway::Builder) {
    let received: Arc<Mutex<Vec<Span>>> = Arc::default();
    let spans = received.clone();
    let builder = laneway::builder().service_name("test").max_queue_spans(100_000).deliver(move |request| {
        let request = ExportTraceServiceRequest::decode(request.as_ref()).unwrap();
        let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
        spans.lock().unwrap().extend(scopes.flat_map(|scope| scope.spans));
    });
    (received, builder)
}

fn storm(dispatch: Dispatch) {
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..THREADS).map(|_| mpsc::channel()).unzip();
    std::thread::scope(|scope| {
        for (i, receiver) in receivers.into_iter().enumerate() {
            let (next, dispatch) = (senders[(i + 1) % THREADS].clone(), dispatch.clone());
            scope.spawn(move || tracing::dispatcher::with_default(&dispatch, || work(&receiver, next)));
        }
        drop(senders);
    });
}

fn work(receiver: &mpsc::Receiver<Open>, next: mpsc::Sender<Open>) {
    let mut left_open = Vec::new();
    for _ in 0..BURSTS {
        let _root = info_span!("root").entered();
        for n in 0..CHILDREN {
            let child = info_span!("child", n, by = Empty);
            if n % 2 == 0 {
                next.send((child, n)).unwrap()
            } else {
                end((child, n))
            }
            left_open.push(info_span!("left open"));
        }
        left_open.truncate(LEFT_OPEN);
        receiver.try_iter().for_each(end);
    }
    // Nothing more comes when the others are so far too.
    drop(next);
    receiver.iter().for_each(end);
}

fn end((span, n): Open) {
    let another = span.clone();
    another.in_scope(|| span.record("by", n));
}

async fn check(guard: Guard, received: &Mutex<Vec<Span>>) {
    let stats = guard.shutdown().await;
    assert_eq!((stats.dropped, stats.failed), (0, 0));
    let spans = std::mem::take(&mut *received.lock().unwrap());
    let named = |name: &str| spans.iter().filter(|span| span.name == name).collect::<Vec<_>>();
    let (roots, children) = (named("root"), named("child"));
    assert_eq!((roots.len(), children.len()), (THREADS * BURSTS, THREADS * BURSTS * CHILDREN));
    assert_eq!(named("left open").len(), children.len());
    let ids: HashSet<_> = roots.iter().map(|root| (&root.trace_id, &root.span_id)).collect();
    for child in children {
        assert!(ids.contains(&(&child.trace_id, &child.parent_span_id)));
        assert_eq!(int(&child.attributes, "by"), int(&child.attributes, "n"));
        assert!(int(&child.attributes, "n").is_some());
    }
    let all: HashSet<_> = spans.iter().map(|span| &span.span_id).collect();
    assert_eq!(all.len(), spans.len(), "each was sent once");
}
