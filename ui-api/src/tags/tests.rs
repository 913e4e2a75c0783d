use laneway_storage::model::SpanKind;
use laneway_storage::testing::{SpanBuilder, attribute, span};

use super::*;

#[track_caller]
fn check(
    tag: &str,
    meets: impl IntoIterator<Item = SpanBuilder>,
    not: impl IntoIterator<Item = SpanBuilder>,
) {
    let (key, text) = tag.split_once('=').unwrap();
    let filter = tag_filter(key, text);
    for span in meets {
        assert!(filter.matches(&span.clone().build()), "{tag} should find {span:#?}");
    }
    for span in not {
        assert!(!filter.matches(&span.clone().build()), "{tag} should not find {span:#?}");
    }
}

#[test]
fn error_means_the_status_or_the_attribute() {
    let (fine, failed) = (span("x"), span("x").error("out of tea"));
    let (said_yes, said_no) = (span("x").attribute("error", true), span("x").attribute("error", "false"));
    check("error=true", [failed.clone(), said_yes.clone()], [fine.clone(), said_no.clone()]);
    check("error=1", [failed.clone()], [fine.clone()]);
    check("error=false", [fine.clone(), said_no.clone()], [failed.clone(), said_yes]);
    check("error=timeout", [span("x").attribute("error", "timeout")], [fine, failed]);
}

#[test]
fn kind_and_status_are_tags_too() {
    let server = span("x").kind(SpanKind::Server);
    check("span.kind=server", [server.clone(), span("x").attribute("span.kind", "server")], [span("x")]);
    check("span.kind=SERVER", [server.clone()], [span("x")]);
    check("otel.status_code=ERROR", [span("x").error("")], [server.clone()]);
    check("otel.status_code=OK", [span("x").status(StatusCode::Ok)], [server.clone()]);
    check("otel.status_code=UNSET", [server], [span("x").error("")]);
    check("otel.status_description=out of tea", [span("x").error("out of tea")], [span("x")]);
}

#[test]
fn the_instrumentation_scope_is_a_tag_too() {
    let scoped = span("x").scope("lib", "1.2");
    check("otel.scope.name=lib", [scoped.clone()], [span("x")]);
    check("otel.scope.version=1.2", [scoped], [span("x")]);
}

#[test]
fn either_generation_of_a_name_finds_the_other() {
    let old = span("x").attribute("http.status_code", 200);
    let new = span("x").attribute("http.response.status_code", 200);
    for tag in ["http.status_code=200", "http.response.status_code=200"] {
        check(tag, [old.clone(), new.clone()], [span("x").attribute("http.status_code", 500)]);
    }
}

#[test]
fn a_lane_may_be_inherited() {
    let inherited = span("x").with(|span| span.lane = Lane::new("grey-v2").unwrap());
    check("lane=grey-v2", [inherited.clone(), span("x").lane("grey-v2")], [span("x")]);
    check("lane=base", [span("x")], [inherited]);
}

#[test]
fn attributes_are_found_wherever_they_stand() {
    let event = span("x").event("e", vec![attribute("k", 72.5)]);
    let link = span("x").link(1, 2, vec![attribute("k", 72.5)]);
    let others = [span("x").resource_attribute("k", 72.5), span("x").scope_attribute("k", 72.5), event, link];
    check("k=72.5", others, [span("x").attribute("k", 72.6)]);
    check("resource.k=a", [span("x").resource_attribute("k", "a")], [span("x").attribute("k", "a")]);
}
