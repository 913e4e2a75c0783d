use insta::assert_json_snapshot;
use laneway_proto::otlp::json;

use crate::testing::client;
use crate::testing::fleet::fleet;

#[tokio::test]
async fn lanes_and_verdicts_stand_beside_the_spans() {
    let answer = client(fleet()).get("/api/v1/traces/0000000000000004").await;
    assert_json_snapshot!(answer.json()["laneway"]);
    // Readers of OTLP pass over it.
    let otlp = json::to_protobuf(&answer.body).unwrap();
    let bytes =
        client(fleet()).get_accepting("/api/v1/traces/0000000000000004", "application/protobuf").await;
    let again = |bytes: &[u8]| json::from_protobuf(bytes).unwrap();
    assert!(again(&otlp) == again(&bytes.body), "and find what they would find in protobuf");
}

#[tokio::test]
async fn an_instance_that_was_seen_makes_a_fallback_a_misroute() {
    let seen = crate::testing::fleet::request(3, None).remove(5);
    let seen = seen.resource_attribute("service.lane", "grey-v2");
    let client = client(fleet().into_iter().chain([seen.id(999)]));
    let trace = client.get("/api/v1/traces/0000000000000004").await.json();
    let hops = trace["laneway"]["hops"].as_array().unwrap();
    let to_pay = hops.iter().find(|hop| hop["target"] == "service:pay").unwrap();
    assert_eq!(to_pay["verdict"], "misroute");
}
