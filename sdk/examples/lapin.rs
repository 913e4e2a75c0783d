//! A message over AMQP 0.9.1: the consumer's span is a child of the producer's, and in its lane. It needs RabbitMQ, or another broker
//! that speaks it:
//!
//! ```text
//! docker run --rm -p 127.0.0.1:5672:5672 rabbitmq
//! cargo run -p laneway --example lapin --features lapin,console
//! ```
//!
//! `AMQP_URL` says where another one is.

use futures_util::StreamExt;
use laneway::{Lane, messaging, with_lane};
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use tracing::Instrument;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[tokio::main]
async fn main() -> Result<()> {
    let guard = laneway::builder().service_name("shop").print().install()?;
    let url = std::env::var("AMQP_URL").unwrap_or_else(|_| "amqp://127.0.0.1:5672/%2f".to_owned());
    let connection = Connection::connect(&url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    // Gone with the connection.
    let options = QueueDeclareOptions { exclusive: true, ..Default::default() };
    channel.queue_declare("laneway.orders".into(), options, FieldTable::default()).await?;

    with_lane(Lane::new("grey-v2")?, produce(&channel)).await?;
    let options = BasicConsumeOptions::default();
    let mut orders =
        channel.basic_consume("laneway.orders".into(), "".into(), options, FieldTable::default()).await?;
    if let Some(delivery) = orders.next().await.transpose()? {
        let headers = delivery.properties.headers().clone().unwrap_or_default();
        messaging::consume("rabbitmq", "laneway.orders", &headers, async {
            tracing::info!(lane = %laneway::current_lane(), "an order");
            delivery.ack(BasicAckOptions::default()).await
        })
        .await?;
    }
    connection.close(200, "done".into()).await?;
    guard.shutdown().await;
    Ok(())
}

async fn produce(channel: &Channel) -> Result<()> {
    let span = messaging::producer_span("rabbitmq", "laneway.orders");
    let mut headers = FieldTable::default();
    messaging::inject(&span, &mut headers);
    let properties = BasicProperties::default().with_headers(headers);
    let options = BasicPublishOptions::default();
    let send = channel.basic_publish("".into(), "laneway.orders".into(), options, b"1 cup", properties);
    send.instrument(span).await?.await?;
    Ok(())
}
