//! The service that the W3C's own test suite of Trace Context wants to talk to, on axum and reqwest with this crate's layers.
//!
//! ```text
//! cargo run -p laneway --example trace_context --features axum,reqwest -- 127.0.0.1:5000
//! # in a checkout of github.com/w3c/trace-context, with aiohttp installed
//! SPEC_LEVEL=2 STRICT_LEVEL=2 python3 test/test.py http://127.0.0.1:5000/test
//! ```
//!
//! All 41 tests of commit acab820 pass so. With `STRICT_LEVEL=1`, 35 pass and 6 are skipped; they are those of what `tracestate` may hold.
//!
//! It takes a list of calls and makes them, one after the other: `[{"url": "...", "arguments": [...]}]`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use laneway::http::ServerLayer;
use laneway::reqwest::Middleware;
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use serde_json::Value;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Nothing needs to be recorded for contexts to travel; recorded spans are what a service has.
    let (subscriber, _guard) =
        laneway::builder().service_name("trace-context").deliver(drop).build_subscriber()?;
    if let Some(subscriber) = subscriber {
        tracing::subscriber::set_global_default(subscriber)?;
    }
    let client = ClientBuilder::new(reqwest::Client::new()).with(Middleware::new()).build();
    let app = Router::new().route("/test", post(call)).layer(ServerLayer::new()).with_state(client);
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:5000".to_owned());
    axum::serve(tokio::net::TcpListener::bind(address).await?, app).await?;
    Ok(())
}

async fn call(State(client): State<ClientWithMiddleware>, Json(calls): Json<Vec<Value>>) -> StatusCode {
    for call in calls {
        let Some(url) = call["url"].as_str() else { return StatusCode::BAD_REQUEST };
        let body = call["arguments"].to_string();
        let request = client.post(url).header("content-type", "application/json").body(body);
        if request.send().await.is_err() {
            return StatusCode::BAD_GATEWAY;
        }
    }
    StatusCode::OK
}
