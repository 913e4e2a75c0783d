//! Who called whom, in traces of every shape.

use super::*;

fn peer(span: SpanBuilder, name: &str) -> SpanBuilder {
    span.attribute("peer.service", name)
}

#[test]
fn halves_that_share_an_id_are_one_call() {
    let enter = server("GET /", "web").id(1);
    let call = client("post", "web").id(2).child_of(&enter);
    let served = server("post", "cart").id(2).child_of(&enter);
    let inner = client("SELECT", "cart").id(3).parent(2).attribute("db.system.name", "mysql");
    let expected = [
        "service:cart -> database:mysql base - one_sided",
        "service:web -> service:cart base baseline matched",
        "user:user -> service:web base baseline one_sided",
    ];
    assert_eq!(hops(vec![enter.clone(), call.clone(), served.clone(), inner.clone()]), expected);
    // The callee's clock is behind: its half starts before the caller's.
    assert_eq!(hops(vec![enter, call.after(5_000_000), served, inner]), expected);
}

#[test]
fn what_is_under_a_shared_id_belongs_to_the_half_of_its_service() {
    let call = client("post", "web").id(2);
    // Both clocks are wrong: the callee's half starts first.
    let served = server("post", "cart").id(2).parent(1).start(EPOCH_UNIX_NS - 9);
    let in_web = span("encode").service("web").id(3).parent(2);
    let in_cart = span("work").service("cart").id(4).parent(2);
    let elsewhere = span("work").service("lib").id(5).parent(2);
    assert_eq!(
        hops(vec![call, served, in_web, in_cart, elsewhere]),
        [
            "service:cart -> service:lib base baseline matched",
            "service:web -> service:cart base baseline matched"
        ]
    );
}

#[test]
fn half_a_call_is_an_edge_until_the_other_half_arrives() {
    let enter = server("GET /", "web");
    let call = peer(client("call", "web"), "cart").child_of(&enter);
    let served = server("serve", "cart").child_of(&call);
    let user = "user:user -> service:web base baseline one_sided";
    assert_eq!(
        hops(vec![enter.clone(), call.clone()]),
        ["service:web -> service:cart base - one_sided", user]
    );
    assert_eq!(
        hops(vec![enter.clone(), served.clone()]),
        ["external:unknown -> service:cart base baseline one_sided", user]
    );
    assert_eq!(hops(vec![enter, call, served]), ["service:web -> service:cart base baseline matched", user]);
}

#[test]
fn a_service_that_was_not_traced_is_where_its_neighbours_point() {
    // `proxy` forwards the trace context without a span of its own: the call is web's to cart.
    let call = peer(client("call", "web").id(1), "proxy");
    let served = server("serve", "cart").id(2).child_of(&call);
    assert_eq!(hops(vec![call, served]), ["service:web -> service:cart base baseline matched"]);
    // `lost` has spans that never arrive: each neighbour tells its half.
    let call = peer(client("call", "web").id(1), "lost");
    let served = peer(server("serve", "cart").id(3).parent(2), "lost");
    assert_eq!(
        hops(vec![call, served]),
        [
            "service:lost -> service:cart base baseline one_sided",
            "service:web -> service:lost base - one_sided"
        ]
    );
}

#[test]
fn local_spans_between_calls_are_passed_over() {
    let enter = server("GET /", "web");
    let work = span("work").service("web").child_of(&enter);
    let more = span("more work").service("web").child_of(&work);
    let call = client("call", "web").child_of(&more);
    let served = server("serve", "cart").child_of(&call);
    let figures =
        figures_of(&[enter, work, more, call, served].map(SpanBuilder::build), Resolution::TenSeconds);
    let operations: Vec<_> = figures
        .edges
        .keys()
        .filter(|(key, _)| key.level == EdgeLevel::Operation)
        .map(|(key, _)| format!("{} -> {}", key.source.detail, key.target.detail))
        .collect();
    assert_eq!(operations, ["GET / -> serve", " -> GET /"]);
}

#[test]
fn a_call_without_a_client_span_is_an_edge_all_the_same() {
    let enter = server("GET /", "web");
    let served = server("serve", "cart").child_of(&enter);
    assert_eq!(
        hops(vec![enter, served]),
        [
            "service:web -> service:cart base baseline matched",
            "user:user -> service:web base baseline one_sided"
        ]
    );
}

#[test]
fn each_try_counts_and_what_wraps_them_does_not() {
    let whole = client("GET cart", "web").id(1);
    let lost = peer(client("try 1", "web").id(2).child_of(&whole), "cart").error("timeout");
    let answered = peer(client("try 2", "web").id(3).child_of(&whole), "cart");
    let served = server("serve", "cart").id(4).child_of(&answered);
    assert_eq!(
        hops(vec![peer(whole, "cart"), lost, answered, served]),
        ["service:web -> service:cart base - one_sided", "service:web -> service:cart base baseline matched"]
    );
}

#[test]
fn a_hedged_call_that_is_served_twice_is_two_hops() {
    let call = client("call", "web").id(1);
    let served = |id, instance: &str| server("serve", "cart").id(id).instance(instance).child_of(&call);
    assert_eq!(
        hops(vec![call.clone(), served(2, "cart-1"), served(3, "cart-2")]),
        ["service:web -> service:cart base baseline matched"; 2]
    );
}

#[test]
fn a_service_may_call_itself() {
    let call = client("call", "shop").id(1);
    let served = server("serve", "shop").id(2).child_of(&call);
    assert_eq!(hops(vec![call, served]), ["service:shop -> service:shop base baseline matched"]);
}

#[test]
fn what_is_called_has_the_kind_that_the_conventions_tell() {
    let of = |attributes: &[(&str, &str)]| {
        let call = client("call", "web");
        let call = attributes.iter().fold(call, |call, (key, value)| call.attribute(key, *value));
        hops(vec![call]).join(", ")
    };
    for (attributes, node) in [
        (&[("db.system.name", "postgresql"), ("db.namespace", "shop")][..], "database:postgresql/shop"),
        (&[("db.system", "mysql"), ("db.name", "shop")], "database:mysql/shop"),
        (
            &[("db.system", "redis"), ("server.address", "cache-1"), ("server.port", "6379")],
            "cache:redis/cache-1:6379",
        ),
        (&[("messaging.system", "nats"), ("messaging.destination.name", "orders")], "queue:nats/orders"),
        (&[("service.peer.name", "cart")], "service:cart"),
        (&[("peer.service", "cart"), ("server.address", "10.0.0.1")], "service:cart"),
        (
            &[("server.address", "api.bank.example"), ("http.request.method", "GET")],
            "external:api.bank.example",
        ),
        (
            &[("http.url", "https://user:secret@api.bank.example:8443/pay?card=1")],
            "external:api.bank.example:8443",
        ),
    ] {
        assert_eq!(of(attributes), format!("service:web -> {node} base - one_sided"));
    }
    assert_eq!(of(&[("http.request.method", "GET")]), "", "it names nobody");
}

#[test]
fn a_message_lies_in_its_queue() {
    let send = span("send").service("shop").kind(SpanKind::Producer).duration(1_000_000);
    let send = send.attribute("messaging.system", "kafka").attribute("messaging.destination.name", "orders");
    let take = |after_ns| {
        let take = span("take").service("mail").kind(SpanKind::Consumer).child_of(&send);
        vec![send.clone().after(10_000_000), take.after(after_ns)]
    };
    for (after_ns, queueing_ns) in [(61_000_000, 50_000_000), (0, 0)] {
        let spans: Vec<Span> = take(after_ns).into_iter().map(Into::into).collect();
        let figures = figures_of(&spans, Resolution::TenSeconds);
        let from_queue = figures.edges.iter().find(|((key, _), _)| &*key.target.node.name == "mail").unwrap();
        let lay_ns = from_queue.1.queueing_ns.quantile(1.0).unwrap();
        assert!((queueing_ns..=queueing_ns + queueing_ns / 16).contains(&lay_ns), "{lay_ns}");
        assert!(from_queue.1.client_duration_ns.is_empty(), "a producer does not wait");
    }
}

#[test]
fn a_message_whose_producer_was_not_traced_comes_from_its_queue() {
    let take = span("take").service("mail").kind(SpanKind::Consumer).parent(5);
    let take = take.attribute("messaging.system", "kafka").attribute("messaging.destination.name", "orders");
    assert_eq!(hops(vec![take]), ["queue:kafka/orders -> service:mail base baseline one_sided"]);
}

#[test]
fn a_job_that_nobody_asked_for_has_no_caller() {
    let job = span("cleanup").service("cron");
    let call = client("call", "cron").child_of(&job);
    let served = server("serve", "cart").child_of(&call);
    assert_eq!(hops(vec![job, call, served]), ["service:cron -> service:cart base baseline matched"]);
}

#[test]
fn spans_that_are_each_others_ancestors_harm_nobody() {
    let a = client("a", "web").id(1).parent(2);
    let b = server("b", "cart").id(2).parent(1);
    let own = server("own", "shop").id(3).parent(3);
    assert_eq!(hops(vec![a, b, own]).len(), 3);
}

#[test]
fn a_span_that_is_sent_again_counts_once() {
    let call = client("call", "web").id(1);
    let served = server("serve", "cart").id(2).child_of(&call);
    let spans = vec![call.clone(), served.clone(), served, call];
    assert_eq!(hops(spans), ["service:web -> service:cart base baseline matched"]);
}

#[test]
fn a_sampled_span_counts_for_those_that_it_stands_for() {
    let served = server("serve", "cart").with(|span| span.trace_state = "ot=th:8".to_owned());
    assert_eq!(hops(vec![served]), ["user:user -> service:cart base baseline one_sided x2"]);
}
