//! Who called: what a call tells of its caller, and who is told.

use laneway::propagation::{self, extract, extract_untrusted, inject, inject_external};
use laneway::{Context, Lane, Sampler, Span, SpanKind, messaging, span, with_lane};
use laneway_proto::caller::{Caller, KEY};
use opentelemetry_proto::tonic::trace::v1;
use tracing::{Instrument, info_span};

use crate::collector::Bed;

type Headers = Vec<(String, String)>;

const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
/// The caller that this names is the parent above.
const CALLER: &str = "laneway=1;b7ad6b7169203331;web;web-1;GET%20/;base;base";

fn headers(tracestate: &str) -> Headers {
    vec![("traceparent".to_owned(), TRACEPARENT.to_owned()), ("tracestate".to_owned(), tracestate.to_owned())]
}

fn tracestate(headers: &Headers) -> &str {
    headers.iter().find(|(name, _)| name == propagation::TRACESTATE).map_or("", |(_, value)| value)
}

/// What a call from this span tells.
fn told(span: &Span) -> String {
    let mut headers = Headers::new();
    inject(span.context(), &mut headers);
    tracestate(&headers).to_owned()
}

/// The operation that a call from this span tells.
fn operation(span: &Span) -> String {
    Caller::of_child(&told(span), span.context().span_id().unwrap()).unwrap().operation.into_owned()
}

fn caller_of(span: &v1::Span) -> Caller<'_> {
    let parent = span.parent_span_id.as_slice().try_into().unwrap();
    Caller::of_child(&span.trace_state, laneway::SpanId::from_bytes(parent).unwrap()).unwrap()
}

#[cfg(all(feature = "axum", feature = "tonic"))]
#[tokio::test]
async fn servers_record_their_caller_and_what_is_below_them_does_not() {
    use axum::routing::get;
    use axum::{Router, body::Body, http::Request};
    use tower::{Layer, ServiceExt};

    let bed = Bed::with(|builder| {
        builder.lane(Lane::new("blue").unwrap()).resource_attribute("service.instance.id", "test-1")
    })
    .await;
    let items = get(|| async { info_span!("look up").in_scope(|| "none") });
    let backend = Router::new().route("/items", items).layer(laneway::http::ServerLayer::new());
    let greeter = Router::new()
        .route("/shop.Greeter/Greet", get(|| async { "" }))
        .layer(laneway::tonic::ServerLayer::new());
    let cart = get(|| async move {
        let call = |path: &str| Request::get(path).body(Body::empty()).unwrap();
        let client = laneway::http::ClientLayer::new().layer(backend);
        client.oneshot(call("/items")).instrument(info_span!("load")).await.unwrap();
        let client = laneway::tonic::ClientLayer::new().layer(greeter);
        client.oneshot(call("/shop.Greeter/Greet")).await.unwrap();
    });
    let front = Router::new().route("/cart/{id}", cart).layer(laneway::http::ServerLayer::new());
    let request = Request::get("/cart/7")
        .header("traceparent", TRACEPARENT)
        .header("tracestate", format!("{CALLER},congo=t61"))
        .header("baggage", "lane=grey");
    front.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();

    let spans = bed.finish().await;
    let front = spans.named("GET /cart/{id}");
    assert_eq!(front.trace_state, format!("{CALLER},congo=t61"), "as it was received");
    assert_eq!(caller_of(front).service, "web");
    let called =
        spans.0.iter().filter(|span| span.trace_state.contains("test-1")).map(|span| (span, caller_of(span)));
    let mut called: Vec<_> = called.collect();
    called.sort_by_key(|(span, _)| span.name.clone());
    let names: Vec<_> = called.iter().map(|(span, _)| span.name.as_str()).collect();
    assert_eq!(names, ["GET /items", "shop.Greeter/Greet"]);
    for (span, caller) in called {
        assert!(span.trace_state.ends_with(",congo=t61"), "the others stay, in order");
        assert_eq!((&*caller.service, &*caller.instance), ("test", "test-1"));
        assert_eq!(caller.operation, "GET /cart/{id}");
        assert_eq!((caller.instance_lane, caller.request_lane), ("blue", "grey"));
    }
    for name in ["load", "GET", "look up"] {
        assert_eq!(spans.named(name).trace_state, "congo=t61", "{name}");
    }
}

#[tokio::test]
async fn the_operation_is_the_entry_of_the_process() {
    let bed = Bed::start().await;
    let _own = bed.guard.default_scope();

    let mut root = span!("poll");
    assert_eq!(operation(&root), "poll");
    root.in_scope(|| {
        let mut child = span!(kind: SpanKind::Client, "GET");
        child.rename("GET /price");
        assert_eq!(operation(&child), "poll", "a name of no entry is nobody's concern");
        let mut consumer = span!(kind: SpanKind::Consumer, "process orders");
        consumer.in_scope(|| assert_eq!(operation(&span!("below")), "process orders"));
        consumer.rename("process orders, all of them");
        assert_eq!(operation(&consumer), "process orders, all of them");
    });
    root.rename("poll again");
    root.in_scope(|| assert_eq!(operation(&span!("below")), "poll again"));

    // From another process: an entry again. The fields of `tracing` name it too, also late.
    let context = extract(&headers(CALLER));
    assert_eq!(operation(&span!(parent: &context, "handle")), "handle");
    let mut sent = Headers::new();
    context.in_scope(|| {
        let entry = info_span!("request", otel.kind = "server", otel.name = tracing::field::Empty);
        entry.record("otel.name", "PUT /cart/{id}");
        entry.in_scope(|| messaging::inject(&messaging::producer_span("kafka", "orders"), &mut sent));
    });
    assert_eq!(Caller::parse(tracestate(&sent)).unwrap().operation, "PUT /cart/{id}");
    let consumed = messaging::consumer_span("kafka", "orders", &sent);
    drop(consumed);
    let spans = bed.finish().await;
    assert_eq!(caller_of(spans.named("process orders")).operation, "PUT /cart/{id}");
    assert_eq!(spans.named("handle").trace_state, CALLER);
}

#[tokio::test]
async fn who_is_not_of_the_fleet_is_neither_told_nor_believed() {
    let bed = Bed::start().await;
    let _own = bed.guard.default_scope();
    let mut outgoing = Headers::new();
    let span = span!(parent: &extract(&headers(&format!("{CALLER},congo=t61"))), "pay");
    inject_external(span.context(), &mut outgoing);
    assert_eq!(tracestate(&outgoing), "congo=t61");

    // A span of another process is passed on as it is, except to strangers.
    let remote = extract(&headers(&format!("{CALLER},congo=t61")));
    let mut outgoing = Headers::new();
    inject(&remote, &mut outgoing);
    assert_eq!(tracestate(&outgoing), format!("{CALLER},congo=t61"));
    inject_external(&remote, &mut outgoing);
    assert_eq!(tracestate(&outgoing), "congo=t61");

    let mut incoming = headers(&format!("congo=t61,{CALLER}"));
    incoming.push(("baggage".to_owned(), "lane=grey".to_owned()));
    let context = extract_untrusted(&mut incoming);
    assert!(context.lane().is_base() && context.trace_id().is_some());
    assert_eq!(incoming, headers("congo=t61"), "nothing behind the edge sees it either");
    bed.finish().await;
}

#[tokio::test]
async fn a_member_that_is_not_in_front_is_of_an_earlier_hop() {
    let bed = Bed::start().await;
    let _own = bed.guard.default_scope();
    // A service that knows nothing of it has made a span, and put its own member in front.
    let context = extract(&headers(&format!("congo=t61,{CALLER},rojo=1")));
    assert_eq!(context.tracestate(), "congo=t61,rojo=1");
    let told = told(&span!(parent: &context, "work"));
    let members: Vec<_> = told.split(',').collect();
    assert_eq!(members.len(), 3, "{told}");
    assert!(members[0].starts_with(KEY) && members[1..] == ["congo=t61", "rojo=1"]);
    bed.finish().await;
}

#[tokio::test]
async fn the_header_keeps_to_the_limits_of_w3c() {
    let bed = Bed::start().await;
    let _own = bed.guard.default_scope();
    let many = (10..42).map(|i| format!("k{i}=1")).collect::<Vec<_>>().join(",");
    let told_after = |incoming: &str| told(&span!(parent: &extract(&headers(incoming)), "work"));
    let told = told_after(&many);
    assert_eq!(told.split(',').count(), 32);
    assert!(told.starts_with(KEY) && told.ends_with("k40=1"), "{told}");
    let long = format!("a=1,b={},c=3", "v".repeat(250));
    assert!(told_after(&long).ends_with("c=3"));
    let longer = format!("a=1,b={},c={},d=4", "v".repeat(250), "v".repeat(250));
    let told = told_after(&longer);
    assert!(told.len() <= 512 && told.ends_with('v') && !told.contains("c="), "{told}");
    bed.finish().await;
}

#[tokio::test]
async fn what_is_not_recorded_tells_nothing() {
    let bed = Bed::with(|builder| builder.sampler(Sampler::always_off())).await;
    let _own = bed.guard.default_scope();
    let span = span!(parent: &extract(&headers(&format!("{CALLER},congo=t61"))), "work");
    assert_eq!(told(&span), "congo=t61", "nor what was of the hop before");
    let root =
        with_lane(Lane::new("grey").unwrap(), async { Span::child_of(&Context::default(), "work") }).await;
    assert_eq!(told(&root), "");
    bed.finish().await;
}
