use std::collections::BTreeSet;

use insta::assert_snapshot;
use laneway_storage::testing::span;
use serde_json::Value;

use super::*;
use crate::testing::client;

fn document() -> Value {
    serde_json::from_str(openapi_json()).unwrap()
}

/// Each path with its one operation.
fn operations() -> Vec<(String, Value)> {
    let document = document();
    let paths = document["paths"].as_object().unwrap();
    paths.iter().map(|(path, item)| (path.clone(), item["get"].clone())).collect()
}

#[test]
fn the_document_is_the_one_that_was_reviewed() {
    assert_snapshot!(openapi_json());
}

#[test]
fn operations_have_names_of_their_own() {
    let names: Vec<_> =
        operations().iter().map(|(_, operation)| operation["operationId"].to_string()).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
}

#[tokio::test]
async fn every_described_route_exists() {
    let client = client([span("x")]);
    for (path, operation) in operations() {
        assert!(operation.is_object(), "{path} is described with another method than GET");
        let uri = path.replace("{service}", "shop").replace("{traceId}", "1").replace("{traceID}", "1");
        let body = client.get(&uri).await;
        assert!(!body.text().contains("no such route"), "{path} is described, but there is no such route");
    }
}

/// Routes are only registered together with their description, by `routes!`. This holds the list against the source, so
/// that no other way is taken unnoticed.
#[test]
fn every_route_is_described() {
    let source = concat!(
        include_str!("../openapi.rs"),
        include_str!("../native.rs"),
        include_str!("../jaeger.rs"),
        include_str!("../lib.rs"),
    );
    assert_eq!(source.matches(".routes(routes!(").count(), operations().len());
    assert!(!source.contains(".route("));
}

#[tokio::test]
async fn the_native_routes_know_exactly_the_parameters_that_are_described() {
    let client = client([span("x")]);
    for (path, operation) in
        operations().into_iter().filter(|(_, operation)| operation["tags"][0] == "traces")
    {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let described: BTreeSet<_> = parameters
            .filter(|parameter| parameter["in"] == "query")
            .map(|parameter| parameter["name"].as_str().unwrap().to_owned())
            .collect();
        let uri = path.replace("{service}", "shop").replace("{traceId}", &"1".repeat(32));
        let (_, code, _, hint) = client.get(&format!("{uri}?bogus=1")).await.error();
        assert_eq!(code, "unknown_parameter");
        let known = hint.strip_prefix("known are ").unwrap_or_default().split(", ");
        let known: BTreeSet<_> = known.filter(|name| !name.is_empty()).map(str::to_owned).collect();
        assert_eq!(known, described, "{path}");
    }
}
