//! Turns a cart into a paid order, and announces it on the queue.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use laneway::messaging;
use tracing::Instrument;

use crate::failure::Failure;
use crate::host::Host;
use crate::model::{CartView, Order, PlaceOrder};
use crate::peers::Peers;
use crate::services::Service;
use crate::services::broker::{Message, Queue, SYSTEM, TOPIC};
use crate::services::payment::Payments;

#[derive(Debug)]
struct Orders {
    peers: Peers,
    payments: Payments,
    queue: Queue,
}

pub(crate) async fn run(host: Host) -> anyhow::Result<()> {
    let orders = Orders {
        peers: host.peers()?,
        payments: Payments::new(Arc::clone(&host.book))?,
        queue: Queue::new(&host.book)?,
    };
    let app = Router::new()
        .route("/orders", post(place))
        .layer(laneway::http::ServerLayer::new())
        .with_state(Arc::new(orders));
    host.serve(app).await
}

async fn place(
    State(orders): State<Arc<Orders>>,
    Json(PlaceOrder { user }): Json<PlaceOrder>,
) -> Result<Json<Order>, Failure> {
    let cart: CartView = orders.peers.get(Service::Cart, &format!("/carts/{user}")).await?;
    if cart.items.is_empty() {
        return Err(Failure::new(StatusCode::CONFLICT, "the cart is empty"));
    }
    let amount_cents = cart.items.iter().map(|item| u64::from(item.price_cents)).sum();
    let payment_id = orders.payments.charge(user, amount_cents).await?;
    let id = format!("order-{:08x}", rand::random::<u32>());
    let order = Order { id, user, payment_id, items: cart.items };
    orders.announce(&order).await?;
    orders.peers.delete(Service::Cart, &format!("/carts/{user}")).await?;
    Ok(Json(order))
}

impl Orders {
    /// Sends the order to whoever ships it. The message names the PRODUCER span as its parent.
    async fn announce(&self, order: &Order) -> Result<(), Failure> {
        let span = messaging::producer_span(SYSTEM, TOPIC);
        let mut headers = HashMap::new();
        messaging::inject(&span, &mut headers);
        let message = Message { headers, body: order.clone() };
        let published = self.queue.publish(&message).instrument(span.clone()).await;
        // An event of this level marks the span as failed.
        published.inspect_err(|error| span.in_scope(|| tracing::error!("{error}")))?;
        Ok(())
    }
}
