//! Consumes the announced orders and books a carrier for each.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use laneway::{Lane, messaging, propagation};
use tracing::Instrument;

use crate::discovery::AddressBook;
use crate::failure::Failure;
use crate::faults::Faults;
use crate::host::{Host, Parent};
use crate::model::{Order, Product};
use crate::peers::Peers;
use crate::services::Service;
use crate::services::broker::{Queue, SYSTEM, Subscription, TOPIC};

/// How often a carrier is asked before an order is given up.
const MAX_ATTEMPTS: u32 = 3;
/// How long to leave the broker alone when it had nothing, or did not answer.
const POLL_PAUSE: Duration = Duration::from_millis(20);
/// How long a carrier thinks.
const CARRIER_DELAY: Duration = Duration::from_millis(15);
/// How long to wait before the second attempt; twice that before the third.
const RETRY_PAUSE: Duration = Duration::from_millis(50);

#[derive(Debug)]
struct Shipping {
    lane: Lane,
    book: Arc<AddressBook>,
    peers: Peers,
    faults: Faults,
}

pub(crate) async fn run(host: Host) -> anyhow::Result<()> {
    let shipping = Shipping {
        lane: host.lane.clone(),
        book: Arc::clone(&host.book),
        peers: host.peers()?,
        faults: host.faults.clone(),
    };
    let orders = Queue::new(&host.book)?.subscribe();
    let parent = host.parent.clone();
    let ((), served) = tokio::join!(shipping.consume(orders, parent), host.serve(Router::new()));
    served
}

impl Shipping {
    /// Works off the queue until the parent is gone; the messages in hand are finished.
    async fn consume(&self, mut orders: Subscription, parent: Parent) {
        let mut gone = std::pin::pin!(parent.gone());
        loop {
            let polled = tokio::select! {
                biased;
                () = &mut gone => return,
                polled = orders.poll() => polled,
            };
            let messages = polled.unwrap_or_else(|error| {
                tracing::warn!(error = &error as &dyn std::error::Error, "the broker does not answer");
                Vec::new()
            });
            if messages.is_empty() {
                tokio::time::sleep(POLL_PAUSE).await;
            }
            for message in messages {
                if self.should_consume(propagation::extract(&message.headers).lane()) {
                    // A CONSUMER span, child of the PRODUCER span that the headers name, and in its lane.
                    messaging::consume(SYSTEM, TOPIC, &message.headers, self.process(&message.body)).await;
                }
            }
        }
    }

    /// A message is consumed once: by its lane's own consumer, or by the baseline's when the lane has none.
    fn should_consume(&self, lane: &Lane) -> bool {
        self.book.route(Service::Shipping, lane).is_ok_and(|instance| instance.lane == self.lane)
    }

    async fn process(&self, order: &Order) {
        if let Err(failure) = self.ship(order).await {
            // An event of this level also marks the span as failed.
            tracing::error!(shop.order.id = order.id, "{failure}");
        }
    }

    async fn ship(&self, order: &Order) -> Result<(), Failure> {
        let mut weight_grams = 0;
        for item in &order.items {
            let path = format!("/products/{}", item.product);
            let product: Product = self.peers.get(Service::Catalog, &path).await?;
            weight_grams += product.weight_grams;
        }
        for attempt in 1..=MAX_ATTEMPTS {
            if self.book_carrier(weight_grams, attempt).await {
                return Ok(());
            }
            tokio::time::sleep(RETRY_PAUSE * attempt).await;
        }
        let message = format!("no carrier took {} after {MAX_ATTEMPTS} attempts", order.id);
        Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, message))
    }

    /// Asks the carrier, who sometimes does not answer.
    async fn book_carrier(&self, weight_grams: u32, attempt: u32) -> bool {
        let span =
            tracing::info_span!("book carrier", shop.weight_grams = weight_grams, shop.attempt = attempt);
        async {
            tokio::time::sleep(CARRIER_DELAY).await;
            let answered = !self.faults.strike(15);
            if !answered {
                tracing::error!("the carrier did not answer");
            }
            answered
        }
        .instrument(span)
        .await
    }
}
