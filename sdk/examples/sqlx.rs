//! Queries to PostgreSQL as CLIENT spans, on standard output. It needs a server, and a role that may create tables:
//!
//! ```text
//! docker run --rm -p 127.0.0.1:5432:5432 -e POSTGRES_HOST_AUTH_METHOD=trust postgres
//! cargo run -p laneway --example sqlx --features sqlx,console
//! ```
//!
//! `DATABASE_URL` says where another one is.

use laneway::sqlx::Traced;
use laneway::{Lane, span, with_lane};
use sqlx::PgPool;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[tokio::main]
async fn main() -> Result<()> {
    let guard = laneway::builder().service_name("shop").print().install()?;
    let url = std::env::var("DATABASE_URL")
        .unwrap_or_else(|_| "postgres://postgres@127.0.0.1:5432/postgres".to_owned());
    // The database's log and its proxies see trace and lane too.
    let db = Traced::pool(PgPool::connect(&url).await?).with_comments();

    let work = async { span!("count cups").instrument(count_cups(&db)).await };
    let cups = with_lane(Lane::new("grey-v2")?, work).await?;
    tracing::info!(cups, "counted");
    guard.shutdown().await;
    Ok(())
}

async fn count_cups(db: &Traced<PgPool>) -> Result<i64> {
    let mut transaction = db.begin().await?;
    sqlx::query("CREATE TEMPORARY TABLE laneway_cups (name text)").execute(transaction.executor()).await?;
    for name in ["espresso", "mug"] {
        sqlx::query("INSERT INTO laneway_cups VALUES ($1)")
            .bind(name)
            .execute(transaction.executor())
            .await?;
    }
    let count = "SELECT count(*) FROM laneway_cups WHERE name <> $1";
    let cups = sqlx::query_scalar(count).bind("glass").fetch_one(transaction.executor()).await?;
    transaction.rollback().await?;
    Ok(cups)
}
