//! Commands to redis as CLIENT spans, on standard output. It needs a server:
//!
//! ```text
//! redis-server --bind 127.0.0.1 --port 6379 --save ''
//! cargo run -p laneway --example redis --features redis,console
//! ```
//!
//! `REDIS_URL` says where another one is.

use laneway::redis::Traced;
use laneway::span;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let guard = laneway::builder().service_name("shop").print().install()?;
    let url = std::env::var("REDIS_URL").unwrap_or_else(|_| "redis://127.0.0.1:6379/".to_owned());
    let connection = redis::Client::open(url)?.get_multiplexed_async_connection().await?;
    let mut connection = Traced::new(connection);

    let work = async {
        let () = redis::cmd("SET").arg("laneway:cups").arg(3).query_async(&mut connection).await?;
        // One round trip, one span.
        let mut pipeline = redis::pipe();
        pipeline
            .cmd("INCR")
            .arg("laneway:cups")
            .cmd("GET")
            .arg("laneway:cups")
            .cmd("DEL")
            .arg("laneway:cups");
        pipeline.query_async(&mut connection).await
    };
    let cups: redis::RedisResult<(i64, i64, i64)> = span!("count cups").instrument(work).await;
    tracing::info!(cups = cups?.1, "counted");
    guard.shutdown().await;
    Ok(())
}
