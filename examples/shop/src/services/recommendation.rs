//! What goes well with a product.

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};

use crate::failure::Failure;
use crate::host::Host;
use crate::model::{PRODUCTS, Product};
use crate::peers::Peers;
use crate::services::Service;

pub(crate) async fn run(host: Host) -> anyhow::Result<()> {
    let app = Router::new()
        .route("/recommendations/{product}", get(recommend))
        .layer(laneway::http::ServerLayer::new())
        .with_state(host.peers()?);
    host.serve(app).await
}

async fn recommend(
    State(peers): State<Peers>,
    Path(product): Path<u32>,
) -> Result<Json<Vec<Product>>, Failure> {
    // Both at once. `tokio::spawn` would start them outside of the request: without its trace, and on the baseline
    // even in a lane. `laneway::spawn` takes both along.
    let lookups = neighbours(product).map(|neighbour| {
        let peers = peers.clone();
        laneway::spawn(async move { peers.get(Service::Catalog, &format!("/products/{neighbour}")).await })
    });
    let mut products = Vec::new();
    for lookup in lookups {
        products.push(lookup.await??);
    }
    Ok(Json(products))
}

/// The two products after this one, around the end.
fn neighbours(product: u32) -> [u32; 2] {
    [1, 2].map(|step| (product.saturating_sub(1) % PRODUCTS + step) % PRODUCTS + 1)
}
