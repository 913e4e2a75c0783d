//! Producer to consumer over message headers.

use laneway::{Context, Lane, messaging, with_lane};
use tracing::{Instrument, info_span};

use crate::collector::Bed;
use crate::tree::text;

#[tokio::test]
async fn a_message_carries_trace_and_lane_to_its_consumer() {
    let bed = Bed::start().await;
    let mut headers: Vec<(String, Vec<u8>)> = vec![("content-type".to_owned(), b"json".to_vec())];
    let send = async {
        let span = messaging::producer_span("kafka", "orders");
        messaging::inject(&span, &mut headers);
        async {}.instrument(span).await;
    };
    with_lane(Lane::new("grey").unwrap(), async { send.instrument(info_span!("checkout")).await }).await;

    let handle = async {
        assert_eq!(laneway::current_lane().as_str(), "grey");
        info_span!("reserve").in_scope(|| {});
    };
    messaging::consume("kafka", "orders", &headers, handle).await;
    messaging::consumer_span("kafka", "orders.audit", &headers).in_scope(|| {});

    let spans = bed.finish().await;
    spans.assert_tree(
        "
         internal checkout [grey]
           producer send orders [grey]
             consumer process orders [grey]
               internal reserve [grey]
             consumer process orders.audit [grey]",
    );
    let consumer = &spans.named("process orders").attributes;
    assert_eq!(text(consumer, "messaging.system"), Some("kafka"));
    assert_eq!(text(consumer, "messaging.destination.name"), Some("orders"));
    assert_eq!(text(consumer, "messaging.operation.type"), Some("process"));
}

#[tokio::test]
async fn the_context_is_passed_on_without_any_subscriber() {
    let _none = tracing::dispatcher::set_default(&tracing::Dispatch::none());
    let incoming = vec![
        ("traceparent".to_owned(), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
        ("baggage".to_owned(), "lane=grey".to_owned()),
    ];
    let mut outgoing = Vec::<(String, String)>::new();
    messaging::consume("nats", "orders", &incoming, async {
        assert!(Context::current().is_remote());
        messaging::inject(&messaging::producer_span("nats", "paid"), &mut outgoing);
    })
    .await;
    assert_eq!(outgoing, incoming);
}
