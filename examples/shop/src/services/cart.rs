//! What each user means to buy, in memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use tracing::Instrument;

use crate::demo::plan;
use crate::failure::Failure;
use crate::faults::Faults;
use crate::host::Host;
use crate::model::{AddItem, CartView, Item, Product};
use crate::peers::Peers;
use crate::services::Service;

mod leak;

/// How many carts there may be; past it, nobody new may begin one.
const MAX_CARTS: usize = 10_000;
/// How many items fit into a cart; past it, the oldest falls out.
const MAX_ITEMS: usize = 5;

#[derive(Debug)]
struct Carts {
    peers: Peers,
    faults: Faults,
    items: Mutex<HashMap<u32, Vec<Item>>>,
    /// The next release, which grey-v2 tries out. It has two bugs for the lane to reveal.
    next_release: Option<leak::HandMadeClient>,
}

pub(crate) async fn run(host: Host) -> anyhow::Result<()> {
    let is_next_release = host.lane.as_str() == plan::GREY_V2;
    let carts = Carts {
        peers: host.peers()?,
        faults: host.faults.clone(),
        items: Mutex::default(),
        next_release: is_next_release.then(|| leak::HandMadeClient::new(&host.book)).transpose()?,
    };
    let app = Router::new()
        .route("/carts/{user}", get(view).delete(empty))
        .route("/carts/{user}/items", post(add))
        .layer(laneway::http::ServerLayer::new())
        .with_state(Arc::new(carts));
    host.serve(app).await
}

async fn add(
    State(carts): State<Arc<Carts>>,
    Path(user): Path<u32>,
    Json(AddItem { product }): Json<AddItem>,
) -> Result<Json<CartView>, Failure> {
    let product: Product = carts.peers.get(Service::Catalog, &format!("/products/{product}")).await?;
    carts.put(user, Item { product: product.id, price_cents: product.price_cents })?;
    carts.view(user).await.map(Json)
}

async fn view(State(carts): State<Arc<Carts>>, Path(user): Path<u32>) -> Result<Json<CartView>, Failure> {
    carts.view(user).await.map(Json)
}

async fn empty(State(carts): State<Arc<Carts>>, Path(user): Path<u32>) -> StatusCode {
    carts.items.lock().unwrap_or_else(PoisonError::into_inner).remove(&user);
    StatusCode::NO_CONTENT
}

impl Carts {
    fn put(&self, user: u32, item: Item) -> Result<(), Failure> {
        let mut carts = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        if carts.len() >= MAX_CARTS && !carts.contains_key(&user) {
            let message = format!("there are {MAX_CARTS} carts already");
            return Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, message));
        }
        let items = carts.entry(user).or_default();
        if items.len() == MAX_ITEMS {
            items.remove(0);
        }
        items.push(item);
        Ok(())
    }

    async fn view(&self, user: u32) -> Result<CartView, Failure> {
        let items = {
            let carts = self.items.lock().unwrap_or_else(PoisonError::into_inner);
            carts.get(&user).cloned().unwrap_or_default()
        };
        let suggestions = match (items.last(), &self.next_release) {
            (None, _) => Vec::new(),
            (Some(last), None) => {
                self.peers.get(Service::Recommendation, &format!("/recommendations/{}", last.product)).await?
            }
            (Some(last), Some(hand_made)) => {
                self.apply_coupons(user).await?;
                hand_made.recommendations(last.product).await?
            }
        };
        Ok(CartView { user, items, suggestions })
    }

    /// New in the next release, and its first bug: slow, and it fails now and then. Comparing grey-v2 with the
    /// baseline shows it.
    async fn apply_coupons(&self, user: u32) -> Result<(), Failure> {
        let span = tracing::info_span!("apply coupons", shop.user.id = user);
        async {
            tokio::time::sleep(Duration::from_millis(40)).await;
            if self.faults.strike(4) {
                tracing::error!("the coupon rules did not load");
                return Err(Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "coupons are out of order"));
            }
            Ok(())
        }
        .instrument(span)
        .await
    }
}
