//! Records of `rskafka`, by way of what they are on the wire. No broker is in Debian, so that none is here either.

use std::io::Cursor;

use laneway::messaging::kafka;
use laneway::{Lane, with_lane};
use rskafka::protocol::record::{
    ControlBatchOrRecords, Record as WireRecord, RecordBatch, RecordBatchCompression,
    RecordBatchTimestampType, RecordHeader,
};
use rskafka::protocol::traits::{ReadType, WriteType};
use rskafka::record::{Record, RecordAndOffset};
use tracing::Instrument;

use crate::collector::Bed;
use crate::tree::{int, text, value};

fn record(value: Option<&str>) -> Record {
    let other = [("other".to_owned(), vec![0xff])];
    let timestamp = Default::default();
    Record { key: Some(b"secret".to_vec()), value: value.map(Into::into), headers: other.into(), timestamp }
}

/// What a broker hands out of what it was sent, by the format of record batches that rskafka writes and reads.
fn through_a_broker(records: Vec<Record>, base_offset: i64) -> Vec<RecordAndOffset> {
    let timestamp = records[0].timestamp;
    let written = records.into_iter().zip(0..).map(|(record, offset_delta)| WireRecord {
        timestamp_delta: 0,
        offset_delta,
        key: record.key,
        value: record.value,
        headers: record.headers.into_iter().map(|(key, value)| RecordHeader { key, value }).collect(),
    });
    let written: Vec<WireRecord> = written.collect();
    let batch = RecordBatch {
        base_offset,
        partition_leader_epoch: 0,
        last_offset_delta: written.len() as i32 - 1,
        first_timestamp: 0,
        max_timestamp: 0,
        producer_id: -1,
        producer_epoch: -1,
        base_sequence: -1,
        records: ControlBatchOrRecords::Records(written),
        compression: RecordBatchCompression::NoCompression,
        is_transactional: false,
        timestamp_type: RecordBatchTimestampType::CreateTime,
    };
    let mut wire = Vec::new();
    batch.write(&mut wire).unwrap();
    let batch = RecordBatch::read(&mut Cursor::new(wire)).unwrap();
    let ControlBatchOrRecords::Records(read) = batch.records else { panic!("a control batch") };
    let received = read.into_iter().map(|record| RecordAndOffset {
        offset: batch.base_offset + i64::from(record.offset_delta),
        record: Record {
            key: record.key,
            value: record.value,
            headers: record.headers.into_iter().map(|header| (header.key, header.value)).collect(),
            timestamp,
        },
    });
    received.collect()
}

#[tokio::test]
async fn records_carry_trace_and_lane_to_their_consumers() {
    let bed = Bed::start().await;
    let send = async |mut records: Vec<Record>| {
        let span = kafka::producer_span("orders", 3, &mut records);
        async { through_a_broker(records, 40) }.instrument(span).await
    };
    let lane = Lane::new("grey").unwrap();
    let both = with_lane(lane, send(vec![record(Some("1 cup")), record(Some("2 cups"))])).await;
    let none = send(vec![record(None)]).await;

    for received in &both {
        assert_eq!(received.record.headers["other"], [0xff], "what else there is stays");
        let handle = async { assert_eq!(laneway::current_lane().as_str(), "grey") };
        kafka::consume("orders", 3, received, handle).await;
    }
    kafka::consume("carts", 0, &none[0], async {}).await;

    let spans = bed.finish().await;
    spans.assert_tree(
        "
         producer send orders [grey]
           consumer process orders [grey]
           consumer process orders [grey]
         producer send orders
           consumer process carts",
    );
    let [batch, first, second] = [0, 2, 3].map(|at: usize| &spans.0[at].attributes);
    for attributes in [batch, first, second] {
        assert_eq!(text(attributes, "messaging.system"), Some("kafka"));
        assert_eq!(text(attributes, "messaging.destination.name"), Some("orders"));
        assert_eq!(text(attributes, "messaging.destination.partition.id"), Some("3"));
        assert_eq!(value(attributes, "messaging.kafka.message.tombstone"), None);
    }
    assert_eq!(int(batch, "messaging.batch.message_count"), Some(2));
    assert_eq!(int(first, "messaging.kafka.offset"), Some(40));
    assert_eq!(int(second, "messaging.kafka.offset"), Some(41));
    // A batch is of two records or more.
    let [tombstone, consumed] = [1, 4].map(|at: usize| &spans.0[at].attributes);
    assert_eq!(value(tombstone, "messaging.batch.message_count"), None);
    for attributes in [tombstone, consumed] {
        let is_tombstone = value(attributes, "messaging.kafka.message.tombstone");
        assert_eq!(format!("{is_tombstone:?}"), "Some(BoolValue(true))");
    }
    assert!(!format!("{:?}", spans.0).contains("secret"));
}

/// A service that records nothing passes on what it was given.
#[tokio::test]
async fn records_carry_the_context_without_any_subscriber() {
    let _none = tracing::dispatcher::set_default(&tracing::Dispatch::none());
    let mut incoming = record(Some("1 cup"));
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    incoming.headers.insert("traceparent".to_owned(), traceparent.into());
    incoming.headers.insert("Baggage".to_owned(), b"lane=grey".to_vec());
    let incoming = through_a_broker(vec![incoming], 0).remove(0);
    let mut outgoing = [record(Some("paid"))];
    kafka::consume("orders", 0, &incoming, async {
        drop(kafka::producer_span("paid", 0, &mut outgoing));
    })
    .await;
    assert_eq!(outgoing[0].headers["traceparent"], traceparent.as_bytes());
    assert_eq!(outgoing[0].headers["baggage"], b"lane=grey");
}
