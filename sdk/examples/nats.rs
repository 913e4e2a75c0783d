//! A message over NATS: the consumer's span is a child of the producer's, and in its lane. It needs a server:
//!
//! ```text
//! nats-server --addr 127.0.0.1 --port 4222
//! cargo run -p laneway --example nats --features nats,console
//! ```
//!
//! `NATS_URL` says where another one is.

use async_nats::HeaderMap;
use futures_util::StreamExt;
use laneway::{Lane, messaging, with_lane};
use tracing::Instrument;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[tokio::main]
async fn main() -> Result<()> {
    let guard = laneway::builder().service_name("shop").print().install()?;
    let url = std::env::var("NATS_URL").unwrap_or_else(|_| "nats://127.0.0.1:4222".to_owned());
    let client = async_nats::connect(url).await?;
    let mut orders = client.subscribe("orders").await?;

    with_lane(Lane::new("grey-v2")?, produce(&client)).await?;
    if let Some(message) = orders.next().await {
        let headers = message.headers.unwrap_or_default();
        messaging::consume("nats", "orders", &headers, async {
            tracing::info!(lane = %laneway::current_lane(), "an order");
        })
        .await;
    }
    guard.shutdown().await;
    Ok(())
}

async fn produce(client: &async_nats::Client) -> Result<()> {
    let span = messaging::producer_span("nats", "orders");
    let mut headers = HeaderMap::new();
    messaging::inject(&span, &mut headers);
    let send = client.publish_with_headers("orders", headers, "1 cup".into());
    send.instrument(span).await?;
    client.flush().await?;
    Ok(())
}
