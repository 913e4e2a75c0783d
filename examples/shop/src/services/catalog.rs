//! The products, in SQLite.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use rusqlite::Row;
use tracing::Instrument;

use crate::database::{Database, Statement};
use crate::demo::plan;
use crate::failure::Failure;
use crate::faults::Faults;
use crate::host::Host;
use crate::model::Product;

const SCHEMA: &str = include_str!("catalog/schema.sql");

const ALL_PRODUCTS: Statement = Statement {
    operation: "SELECT",
    collection: "products",
    text: "SELECT id, name, price_cents, weight_grams, 0 FROM products ORDER BY id",
};
const STOCK_OF_ONE: Statement = Statement {
    operation: "SELECT",
    collection: "stock",
    text: "SELECT units FROM stock WHERE product_id = ?",
};
const ALL_PRODUCTS_WITH_STOCK: Statement = Statement {
    operation: "SELECT",
    collection: "products",
    text: "SELECT id, name, price_cents, weight_grams, units FROM products \
           JOIN stock ON product_id = id ORDER BY id",
};
const ONE_PRODUCT: Statement = Statement {
    operation: "SELECT",
    collection: "products",
    text: "SELECT id, name, price_cents, weight_grams, units FROM products \
           JOIN stock ON product_id = id WHERE id = ?",
};

#[derive(Debug)]
struct Catalog {
    database: Database,
    faults: Faults,
    /// The next release, which grey-v2 tries out: it reads the list with one query.
    joins: bool,
}

pub(crate) async fn run(host: Host) -> anyhow::Result<()> {
    let catalog = Catalog {
        database: Database::in_memory(SCHEMA)?,
        faults: host.faults.clone(),
        joins: host.lane.as_str() == plan::GREY_V2,
    };
    let app = Router::new()
        .route("/products", get(list))
        .route("/products/{product}", get(one))
        .layer(laneway::http::ServerLayer::new())
        .with_state(Arc::new(catalog));
    host.serve(app).await
}

async fn list(State(catalog): State<Arc<Catalog>>) -> Result<Json<Vec<Product>>, Failure> {
    if catalog.joins {
        return Ok(Json(catalog.database.rows(&ALL_PRODUCTS_WITH_STOCK, (), read_product).await?));
    }
    // The classic N+1: one query for the list, and one more for every row of it. A trace shows the staircase.
    let mut products = catalog.database.rows(&ALL_PRODUCTS, (), read_product).await?;
    for product in &mut products {
        let stock = catalog.database.rows(&STOCK_OF_ONE, (product.id,), |row| row.get(0)).await?;
        product.stock = stock.into_iter().next().unwrap_or(0);
    }
    Ok(Json(products))
}

async fn one(
    State(catalog): State<Arc<Catalog>>,
    Path(product): Path<u32>,
) -> Result<Json<Product>, Failure> {
    if catalog.faults.strike(3) {
        refresh_price(product).await;
    }
    let found = catalog.database.rows(&ONE_PRODUCT, (product,), read_product).await?;
    let unknown = || Failure::new(StatusCode::NOT_FOUND, format!("there is no product {product}"));
    found.into_iter().next().map(Json).ok_or_else(unknown)
}

/// The slow call that happens now and then: the price has expired, and the supplier takes its time.
async fn refresh_price(product: u32) {
    let span = tracing::info_span!("refresh price", shop.product.id = product);
    tokio::time::sleep(Duration::from_millis(300)).instrument(span).await;
}

fn read_product(row: &Row<'_>) -> rusqlite::Result<Product> {
    Ok(Product {
        id: row.get(0)?,
        name: row.get(1)?,
        price_cents: row.get(2)?,
        weight_grams: row.get(3)?,
        stock: row.get(4)?,
    })
}
