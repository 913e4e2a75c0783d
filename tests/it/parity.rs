//! What comes in over OTLP goes out over OTLP, in either encoding, bit for bit.

use laneway_e2e::otlp::{Spans, TracesData};
use laneway_e2e::{Laneway, testdata};
use prost::Message;
use serde_json::json;
use tempfile::TempDir;

const JSON: &str = "application/json";
const PROTOBUF: &str = "application/x-protobuf";

/// Reads everything that was sent back, in both encodings of the native API.
async fn assert_stored(server: &Laneway, sent: &Spans) {
    for trace_id in sent.trace_ids() {
        let expected = sent.of_trace(&trace_id);
        assert_eq!(server.spans(&trace_id).await, expected);
        let json = server.get_ok(&format!("/api/v1/traces/{trace_id}"), &[]).await;
        assert_eq!(Spans::of_json(json.to_string().as_bytes()), expected);
    }
}

#[tokio::test]
async fn both_encodings_of_a_request_store_the_same_spans() {
    let sent = Spans::of(TracesData::decode(&testdata("parity/request.pb")[..]).unwrap());
    assert_eq!(sent.0.len(), 36);
    for (content_type, file) in [(JSON, "parity/request.json"), (PROTOBUF, "parity/request.pb")] {
        let dir = TempDir::new().unwrap();
        let server = Laneway::start(dir.path(), &[]).await;
        server.export(content_type, testdata(file)).await;
        assert_stored(&server, &sent).await;
        // From the log, and then from disk.
        let server = server.kill9().await.start().await;
        assert_stored(&server, &sent).await;
        assert_stored(&server.restart().await, &sent).await;
    }
}

#[tokio::test]
async fn every_kind_of_value_comes_back_as_it_went_in() {
    let value = |kind: &str, value: serde_json::Value| json!({"key": kind, "value": {kind: value}});
    let attributes = json!([
        value("stringValue", json!("")),
        value("boolValue", json!(false)),
        value("intValue", json!("-9223372036854775808")),
        value("doubleValue", json!(-0.0)),
        value("bytesValue", json!("AAEC/w==")),
        {"key": "nan", "value": {"doubleValue": "NaN"}},
        {"key": "infinite", "value": {"doubleValue": "-Infinity"}},
        {"key": "nothing", "value": {}},
        {"key": "twice", "value": {"intValue": "1"}},
        {"key": "twice", "value": {"stringValue": "2"}},
        value("arrayValue", json!({"values": [{"intValue": "1"}, {"stringValue": "a"}, {}, {"arrayValue": {"values": []}}]})),
        value("kvlistValue", json!({"values": [value("kvlistValue", json!({"values": [value("boolValue", json!(true))]}))]})),
    ]);
    let sent = json!({"resourceSpans": [{
        "resource": {"attributes": attributes, "droppedAttributesCount": 1},
        "schemaUrl": "https://example.com/resource",
        "scopeSpans": [{
            "scope": {"name": "s", "version": "v", "attributes": attributes, "droppedAttributesCount": 2},
            "schemaUrl": "https://example.com/scope",
            "spans": [{
                "traceId": "000000000000000000000000000000aa",
                "spanId": "00000000000000bb",
                "parentSpanId": "00000000000000cc",
                "traceState": "a=1",
                "flags": 769,
                "name": "n",
                "kind": 5,
                "startTimeUnixNano": "1",
                "endTimeUnixNano": "9223372036854775807",
                "attributes": attributes,
                "droppedAttributesCount": 3,
                "events": [{"timeUnixNano": "7", "name": "e", "attributes": attributes, "droppedAttributesCount": 4}],
                "droppedEventsCount": 5,
                "links": [{"traceId": "000000000000000000000000000000dd", "spanId": "00000000000000ee", "traceState": "b=2",
                    "attributes": attributes, "droppedAttributesCount": 6, "flags": 257}],
                "droppedLinksCount": 7,
                "status": {"code": 2, "message": "m"},
            }],
        }],
    }]});
    let request = sent.to_string().into_bytes();
    let expected = laneway_e2e::otlp::from_json(&request).encode_to_vec();
    let dir = TempDir::new().unwrap();
    let mut server = Laneway::start(dir.path(), &[]).await;
    server.export(JSON, request).await;
    for _ in 0..2 {
        // As bytes: NaN is not equal to itself.
        let url = server.url("/api/v1/traces/000000000000000000000000000000aa");
        let client = reqwest::Client::new();
        let got = client
            .get(&url)
            .header("accept", "application/protobuf")
            .send()
            .await
            .unwrap()
            .bytes()
            .await
            .unwrap();
        let got = TracesData::decode(got).unwrap();
        assert_eq!(format!("{got:?}"), format!("{:?}", TracesData::decode(&expected[..]).unwrap()));
        let got = laneway_e2e::otlp::from_json(&client.get(url).send().await.unwrap().bytes().await.unwrap());
        assert_eq!(format!("{got:?}"), format!("{:?}", TracesData::decode(&expected[..]).unwrap()));
        server = server.restart().await;
    }
}
