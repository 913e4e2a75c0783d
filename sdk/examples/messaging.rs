//! A message whose headers are a map of bytes, as those of Kafka's clients are: a channel stands for the broker, and nothing else has
//! to run.
//!
//! ```text
//! cargo run -p laneway --example messaging --features console
//! ```
//!
//! Records of `rskafka` have this very map, and spans of their own: `messaging::kafka`, with the feature `rskafka`. The headers of AMQP
//! (`lapin`) are a `FieldTable`, with the feature `lapin`; all else is the same.

use std::collections::BTreeMap;

use laneway::{Lane, messaging, with_lane};
use tokio::sync::mpsc;
use tracing::Instrument;

struct Message {
    headers: BTreeMap<String, Vec<u8>>,
    body: &'static str,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let guard = laneway::builder().service_name("shop").print().install()?;
    let (producer, mut consumer) = mpsc::channel(1);

    with_lane(Lane::new("grey-v2")?, produce(&producer)).await;
    if let Some(Message { headers, body }) = consumer.recv().await {
        messaging::consume("kafka", "orders", &headers, async {
            tracing::info!(lane = %laneway::current_lane(), body, "an order");
        })
        .await;
    }
    guard.shutdown().await;
    Ok(())
}

async fn produce(producer: &mpsc::Sender<Message>) {
    let span = messaging::producer_span("kafka", "orders");
    let mut headers = BTreeMap::new();
    messaging::inject(&span, &mut headers);
    // The consumer is there, so that it takes the message.
    let _ = producer.send(Message { headers, body: "1 cup" }).instrument(span).await;
}
