//! Records of `rskafka`.
//!
//! ```
//! use laneway::messaging::kafka;
//! use rskafka::client::partition::{Compression, PartitionClient};
//! use rskafka::record::Record;
//! use tracing::Instrument;
//!
//! # async fn reserve(_: Record) {}
//! # async fn example(client: PartitionClient, mut records: Vec<Record>) -> rskafka::client::error::Result<()> {
//! // The producer:
//! let span = kafka::producer_span(client.topic(), client.partition(), &mut records);
//! client.produce(records, Compression::NoCompression).instrument(span).await?;
//!
//! // The consumer:
//! let (records, _) = client.fetch_records(0, 1..1_000_000, 1_000).await?;
//! for received in records {
//!     let span = kafka::consume(client.topic(), client.partition(), &received, reserve(received.record.clone()));
//!     span.await;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The spans are those of [`messaging`](super), with OpenTelemetry's attributes for Kafka: partition, offset, whether a record is a
//! tombstone. Keys are not recorded: they are the caller's data, and without bounds.

use rskafka::record::{Record, RecordAndOffset};
use tracing::Span;

use crate::future::InContext;
use crate::propagation;

/// A PRODUCER span for sending these records to a partition of a topic, whose context is written into each of them; the current context
/// where the span is not recorded.
///
/// One span for all: its duration is that of the request to the broker. Each consumer's span is a child of it.
pub fn producer_span(topic: &str, partition: i32, records: &mut [Record]) -> Span {
    let span = super::producer_span("kafka", topic);
    span.record("messaging.destination.partition.id", tracing::field::display(partition));
    match records {
        [record] => record_tombstone(&span, record),
        _ => {
            span.record("messaging.batch.message_count", records.len());
        }
    }
    records.iter_mut().for_each(|record| super::inject(&span, record));
    span
}

/// Handles a record of a partition of a topic: within a CONSUMER span, and in the trace and lane of its producer.
pub fn consume<F: Future>(
    topic: &str,
    partition: i32,
    received: &RecordAndOffset,
    handle: F,
) -> InContext<F> {
    let context = propagation::extract(&received.record);
    let span = context.in_scope(|| super::processing_span("kafka", topic));
    span.record("messaging.destination.partition.id", tracing::field::display(partition));
    span.record("messaging.kafka.offset", received.offset);
    record_tombstone(&span, &received.record);
    super::handle_in(span, context, handle)
}

/// A record without a value says that the key's earlier ones no longer hold.
fn record_tombstone(span: &Span, record: &Record) {
    if record.value.is_none() {
        span.record("messaging.kafka.message.tombstone", true);
    }
}
