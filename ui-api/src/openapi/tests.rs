use std::collections::BTreeSet;

use axum::http::Method;
use insta::assert_snapshot;
use laneway_storage::testing::span;
use serde_json::Value;

use super::*;
use crate::testing::client;

fn document() -> Value {
    serde_json::from_str(openapi_json()).unwrap()
}

/// Each path and method with its operation.
fn operations() -> Vec<(String, Method, Value)> {
    let document = document();
    let paths = document["paths"].as_object().unwrap().iter();
    paths
        .flat_map(|(path, item)| {
            let operations = item.as_object().unwrap().iter();
            operations.map(|(method, operation)| {
                let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes()).unwrap();
                (path.clone(), method, operation.clone())
            })
        })
        .collect()
}

#[test]
fn the_document_is_the_one_that_was_reviewed() {
    assert_snapshot!(openapi_json());
}

#[test]
fn operations_have_names_of_their_own() {
    let names: Vec<_> =
        operations().iter().map(|(_, _, operation)| operation["operationId"].to_string()).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
}

#[tokio::test]
async fn every_described_route_exists() {
    let client = client([span("x")]);
    for (path, method, _) in operations() {
        let uri = path
            .replace("{service}", "shop")
            .replace("{lane}", "grey")
            .replace("{traceId}", "1")
            .replace("{traceID}", "1");
        let body = client.call(method.clone(), &uri.replace("{name}", "x")).await;
        let is_there =
            !body.text().contains("no such route") && !body.text().contains("does not know that method");
        assert!(is_there, "{method} {path} is described, but there is no such route");
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
    let paths: BTreeSet<_> = operations().into_iter().map(|(path, ..)| path).collect();
    assert_eq!(source.matches(".routes(routes!(").count(), paths.len());
    assert!(!source.contains(".route("));
}

#[tokio::test]
async fn the_native_routes_know_exactly_the_parameters_that_are_described() {
    let client = client([span("x")]);
    for (path, _, operation) in
        operations().into_iter().filter(|(_, _, operation)| operation["tags"][0] == "traces")
    {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let described: BTreeSet<_> = parameters
            .filter(|parameter| parameter["in"] == "query")
            .map(|parameter| parameter["name"].as_str().unwrap().to_owned())
            .collect();
        let uri =
            path.replace("{service}", "shop").replace("{lane}", "grey").replace("{traceId}", &"1".repeat(32));
        let (_, code, _, hint) = client.get(&format!("{uri}?bogus=1")).await.error();
        assert_eq!(code, "unknown_parameter");
        let known = hint.strip_prefix("known are ").unwrap_or_default().split(", ");
        let known: BTreeSet<_> = known.filter(|name| !name.is_empty()).map(str::to_owned).collect();
        assert_eq!(known, described, "{path}");
    }
}
