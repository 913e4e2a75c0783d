//! Traces and lanes over message queues: Kafka, AMQP, NATS, or anything with headers.
//!
//! ```
//! use laneway::messaging;
//! use tracing::Instrument;
//!
//! # async fn send(_: &[(String, Vec<u8>)]) {}
//! # async fn handle() {}
//! # async fn example() {
//! // The producer:
//! let mut headers: Vec<(String, Vec<u8>)> = Vec::new();
//! let span = messaging::producer_span("kafka", "orders");
//! messaging::inject(&span, &mut headers);
//! send(&headers).instrument(span).await;
//!
//! // The consumer:
//! messaging::consume("kafka", "orders", &headers, handle()).await;
//! # }
//! ```
//!
//! The consumer's span is a child of the producer's and in its lane. A consumer that takes a batch at once opens a span of its
//! own and [links](crate::add_link) it to each message's [context](crate::propagation::extract).
//!
//! # Kafka
//!
//! With the feature `rskafka` its records carry the context themselves, and `messaging::kafka` has spans that say more of them. The headers of
//! `rdkafka` go by way of a vector of pairs; there is no feature for them, which would have a C library built:
//!
//! ```ignore
//! use rdkafka::message::{BorrowedMessage, Header, Headers, Message, OwnedHeaders};
//!
//! /// After `messaging::inject`.
//! fn produced(headers: &[(String, Vec<u8>)]) -> OwnedHeaders {
//!     headers.iter().fold(OwnedHeaders::new(), |all, (key, value)| {
//!         all.insert(Header { key, value: Some(value) })
//!     })
//! }
//!
//! /// For `messaging::consume`.
//! fn consumed(message: &BorrowedMessage<'_>) -> Vec<(String, Vec<u8>)> {
//!     let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
//!     headers.filter_map(|header| Some((header.key.to_owned(), header.value?.to_owned()))).collect()
//! }
//! ```

#[cfg(feature = "rskafka")]
pub mod kafka;

use tracing::Span;
use tracing::field::Empty;

use crate::context::Context;
use crate::future::InContext;
use crate::propagation::{self, Extract, Inject};

/// A PRODUCER span for sending to a destination: a topic, a subject, a queue or an exchange.
///
/// `system` is OpenTelemetry's name, such as `kafka`, `rabbitmq`, `nats`.
pub fn producer_span(system: &str, destination: &str) -> Span {
    tracing::info_span!(
        target: "laneway::messaging",
        "send",
        otel.name = format!("send {destination}"),
        otel.kind = "producer",
        messaging.system = system,
        messaging.destination.name = destination,
        messaging.operation.name = "send",
        "messaging.operation.type" = "send",
        // What only some systems have, for their modules to record.
        messaging.batch.message_count = Empty,
        messaging.destination.partition.id = Empty,
        messaging.kafka.message.tombstone = Empty,
        messaging.kafka.offset = Empty,
    )
}

/// Writes the context of a producer span into the headers of its message; the current context where the span is not
/// recorded.
pub fn inject<C: Inject + ?Sized>(span: &Span, headers: &mut C) {
    let context = Context::of(span).unwrap_or_else(Context::current);
    propagation::inject(&context, headers);
}

/// A CONSUMER span for handling the message with these headers, in the trace and lane of its producer.
///
/// Where there may be no subscriber, use [`consume`]: it carries the context even then.
pub fn consumer_span<C: Extract + ?Sized>(system: &str, destination: &str, headers: &C) -> Span {
    propagation::extract(headers).in_scope(|| processing_span(system, destination))
}

/// Handles the message with these headers: within a CONSUMER span, and in the trace and lane of its producer.
pub fn consume<C, F>(system: &str, destination: &str, headers: &C, handle: F) -> InContext<F>
where
    C: Extract + ?Sized,
    F: Future,
{
    let context = propagation::extract(headers);
    let span = context.in_scope(|| processing_span(system, destination));
    handle_in(span, context, handle)
}

/// Handles a message within its span, or in its producer's context where that is not recorded.
fn handle_in<F: Future>(span: Span, context: Context, handle: F) -> InContext<F> {
    let context = Context::of(&span).unwrap_or(context);
    InContext::new(context, span, handle)
}

fn processing_span(system: &str, destination: &str) -> Span {
    tracing::info_span!(
        target: "laneway::messaging",
        "process",
        otel.name = format!("process {destination}"),
        otel.kind = "consumer",
        messaging.system = system,
        messaging.destination.name = destination,
        messaging.operation.name = "process",
        "messaging.operation.type" = "process",
        // What only some systems have, for their modules to record.
        messaging.batch.message_count = Empty,
        messaging.destination.partition.id = Empty,
        messaging.kafka.message.tombstone = Empty,
        messaging.kafka.offset = Empty,
    )
}
