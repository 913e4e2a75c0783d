//! A named trace for every verdict, and for what foreign services do to a lane.

use super::*;

const MINUTE_NS: u64 = 60 * 1_000_000_000;

/// A call from one service to another, the callee on an instance of this lane. Both halves say the request's lane, where they are given one.
fn call(
    source: &str,
    target: &str,
    lanes: (Option<&str>, Option<&str>),
    serves: Option<&str>,
) -> Vec<SpanBuilder> {
    let (sent, received) = lanes;
    let say = |span: SpanBuilder, lane: Option<&str>| match lane {
        Some(lane) => span.lane(lane),
        None => span,
    };
    let call = say(client("call", source).id(1), sent);
    let served = say(server("serve", target).id(2).child_of(&call), received);
    vec![call, on(served, serves)]
}

/// On an instance that serves this lane.
fn on(span: SpanBuilder, lane: Option<&str>) -> SpanBuilder {
    match lane {
        Some(lane) => span.instance(lane).resource_attribute("service.lane", lane),
        None => span,
    }
}

/// A sign of life of an instance of `grey`, so long after the epoch.
fn alive(service: &str, after_ns: u64) -> SpanBuilder {
    on(server("alive", service).trace(9).id(9).lane("grey").after(after_ns), Some("grey"))
}

const GREY: (Option<&str>, Option<&str>) = (Some("grey"), Some("grey"));

#[test]
fn in_lane() {
    assert_eq!(hops(call("a", "b", GREY, Some("grey"))), ["service:a -> service:b grey in_lane matched"]);
}

#[test]
fn baseline() {
    let base = (None, None);
    assert_eq!(hops(call("a", "b", base, None)), ["service:a -> service:b base baseline matched"]);
}

#[test]
fn fallback() {
    assert_eq!(hops(call("a", "b", GREY, None)), ["service:a -> service:b grey fallback matched"]);
}

#[test]
fn misroute() {
    let mut spans = call("a", "b", GREY, None);
    spans.push(alive("b", 0));
    assert_eq!(
        hops(spans),
        ["service:a -> service:b grey misroute matched", "user:user -> service:b grey in_lane one_sided"]
    );
}

#[test]
fn an_instance_is_gone_when_it_was_not_seen_for_five_minutes() {
    // The call is in minute 10. An instance of another service, or one that is seen only later, is of no help.
    for (service, seen_minute, verdict) in [
        ("b", 4, "fallback"),
        ("b", 5, "misroute"),
        ("b", 10, "misroute"),
        ("b", 11, "fallback"),
        ("c", 10, "fallback"),
    ] {
        let call = call("a", "b", GREY, None).into_iter().map(|span| span.after(10 * MINUTE_NS));
        let spans = call.chain([alive(service, seen_minute * MINUTE_NS)]).collect();
        let expected = format!("service:a -> service:b grey {verdict} matched");
        assert!(hops(spans).contains(&expected), "{service} seen in minute {seen_minute}");
    }
}

#[test]
fn crossover() {
    assert_eq!(hops(call("a", "b", GREY, Some("blue"))), ["service:a -> service:b grey crossover matched"]);
}

#[test]
fn contamination() {
    let base = (None, None);
    assert_eq!(
        hops(call("a", "b", base, Some("grey"))),
        ["service:a -> service:b base contamination matched"]
    );
}

#[test]
fn lost() {
    let lost = (Some("grey"), Some("base"));
    assert_eq!(hops(call("a", "b", lost, None)), ["service:a -> service:b base lost matched"]);
    let on_lane = hops(call("a", "b", lost, Some("grey")));
    assert_eq!(on_lane, ["service:a -> service:b base lost matched"], "wins over contamination");
}

#[test]
fn strict_miss() {
    let refused = client("call", "a").lane("grey").attribute("laneway.route", "strict_miss");
    let refused = refused.attribute("service.peer.name", "b").error("no instance of grey");
    assert_eq!(hops(vec![refused]), ["service:a -> service:b grey strict_miss one_sided"]);
}

#[test]
fn a_foreign_hop_that_keeps_the_baggage_and_says_nothing_is_in_its_callers_lane() {
    let enter = server("GET /", "web").lane("grey");
    let to_foreign = client("call", "web").child_of(&enter);
    let foreign = on(server("serve", "python").child_of(&to_foreign), Some("grey"));
    let onwards = client("onwards", "python").child_of(&foreign);
    let served = server("last", "rust").child_of(&onwards).lane("grey");
    assert_eq!(
        hops(vec![enter, to_foreign, foreign, onwards, served]),
        [
            "service:python -> service:rust grey fallback matched",
            "service:web -> service:python grey in_lane matched",
            "user:user -> service:web grey fallback one_sided",
        ]
    );
}

#[test]
fn a_foreign_hop_that_drops_the_baggage_loses_the_lane_behind_it() {
    let enter = server("GET /", "web").lane("grey");
    let to_foreign = client("call", "web").child_of(&enter);
    let foreign = server("serve", "python").child_of(&to_foreign);
    let onwards = client("onwards", "python").child_of(&foreign);
    // Our SDK found no baggage, and says so.
    let served = server("last", "rust").child_of(&onwards).lane("base");
    let after = server("after", "rust2").child_of(&client("deeper", "rust").child_of(&served).id(77));
    let deeper = client("deeper", "rust").child_of(&served).id(77);
    assert_eq!(
        hops(vec![enter, to_foreign, foreign, onwards, served, deeper, after]),
        [
            "service:python -> service:rust base lost matched",
            "service:rust -> service:rust2 base baseline matched",
            "service:web -> service:python grey fallback matched",
            "user:user -> service:web grey fallback one_sided",
        ],
        "it is lost once, where it vanished"
    );
}

#[test]
fn a_lane_that_begins_on_the_way_is_no_loss() {
    let base_then_grey = (None, Some("grey"));
    assert_eq!(
        hops(call("a", "b", base_then_grey, Some("grey"))),
        ["service:a -> service:b grey in_lane matched"]
    );
}

#[test]
fn a_lane_may_have_another_name_elsewhere() {
    let call = client("call", "a").id(1).attribute("x-mse-tag", "grey");
    let served = on(server("serve", "b").id(2).child_of(&call), Some("grey"));
    assert_eq!(hops(vec![call, served]), ["service:a -> service:b grey in_lane matched"]);
}

#[test]
fn fan_out_has_a_verdict_for_each_branch() {
    let enter = server("GET /", "web").lane("grey");
    let mut spans = vec![enter.clone()];
    for (id, (target, serves, says)) in
        [("cart", Some("grey"), "grey"), ("pay", None, "grey"), ("mail", None, "base")]
            .into_iter()
            .enumerate()
    {
        let call = client("call", "web").id(100 + id as u64).child_of(&enter).lane("grey");
        spans.push(on(server("serve", target).id(200 + id as u64).child_of(&call).lane(says), serves));
        spans.push(call);
    }
    assert_eq!(
        hops(spans),
        [
            "service:web -> service:cart grey in_lane matched",
            "service:web -> service:mail base lost matched",
            "service:web -> service:pay grey fallback matched",
            "user:user -> service:web grey fallback one_sided",
        ]
    );
}

#[test]
fn a_consumer_has_the_lane_of_its_producer() {
    let send = span("send").service("shop").kind(SpanKind::Producer).lane("grey");
    let send = send.attribute("messaging.system", "kafka").attribute("messaging.destination.name", "orders");
    let take = |id, service: &str| {
        let take = span("take").id(id).service(service).kind(SpanKind::Consumer).child_of(&send);
        take.after(MINUTE_NS)
    };
    let spans = vec![
        send.clone(),
        on(take(5, "mail"), Some("grey")),
        take(6, "audit"),
        take(7, "stock").lane("base"),
    ];
    assert_eq!(
        hops(spans),
        [
            "queue:kafka/orders -> service:audit grey fallback matched",
            "queue:kafka/orders -> service:mail grey in_lane matched",
            "queue:kafka/orders -> service:stock base lost matched",
            "service:shop -> queue:kafka/orders grey - one_sided",
        ]
    );
}
