//! The way in: passes the users' requests on to the services behind it.

use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};

use crate::failure::Failure;
use crate::host::Host;
use crate::model::{AddItem, CartView, Order, PlaceOrder, Product};
use crate::peers::Peers;
use crate::services::Service;

pub(crate) async fn run(host: Host) -> anyhow::Result<()> {
    let app = Router::new()
        .route("/products", get(products))
        .route("/products/{product}", get(product))
        .route("/carts/{user}", get(cart))
        .route("/carts/{user}/items", post(add_item))
        .route("/carts/{user}/checkout", post(check_out))
        // The users of the demo choose their lane themselves. A gateway that faces the internet says `.untrusted()`.
        .layer(laneway::http::ServerLayer::new())
        .with_state(host.peers()?);
    host.serve(app).await
}

async fn products(State(peers): State<Peers>) -> Result<Json<Vec<Product>>, Failure> {
    peers.get(Service::Catalog, "/products").await.map(Json)
}

async fn product(State(peers): State<Peers>, Path(product): Path<u32>) -> Result<Json<Product>, Failure> {
    peers.get(Service::Catalog, &format!("/products/{product}")).await.map(Json)
}

async fn cart(State(peers): State<Peers>, Path(user): Path<u32>) -> Result<Json<CartView>, Failure> {
    peers.get(Service::Cart, &format!("/carts/{user}")).await.map(Json)
}

async fn add_item(
    State(peers): State<Peers>,
    Path(user): Path<u32>,
    Json(item): Json<AddItem>,
) -> Result<Json<CartView>, Failure> {
    peers.post(Service::Cart, &format!("/carts/{user}/items"), &item).await.map(Json)
}

async fn check_out(State(peers): State<Peers>, Path(user): Path<u32>) -> Result<Json<Order>, Failure> {
    peers.post(Service::Order, "/orders", &PlaceOrder { user }).await.map(Json)
}
