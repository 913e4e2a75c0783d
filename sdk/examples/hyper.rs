//! hyper's client in a tower layer: a call, and the SERVER span of who answers it, on standard output. Nothing else has to run.
//!
//! ```text
//! cargo run -p laneway --example hyper --features axum,console
//! ```

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::routing::get;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use laneway::http::{ClientLayer, ServerLayer};
use laneway::{Lane, with_lane};
use tokio::net::TcpListener;
use tower::{Layer, ServiceExt};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let guard = laneway::builder().service_name("shop").print().install()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let lane = get(|| async { laneway::current_lane().to_string() });
    let routes = Router::new().route("/lane", lane).layer(ServerLayer::new());
    tokio::spawn(async { axum::serve(listener, routes).await });

    let client = ClientLayer::new().layer(Client::builder(TokioExecutor::new()).build_http());
    let request = Request::get(format!("http://{address}/lane")).body(Body::empty())?;
    let call = async {
        let body = client.oneshot(request).await?.into_body();
        Ok::<_, Box<dyn std::error::Error>>(axum::body::to_bytes(Body::new(body), 1 << 10).await?)
    };
    let answer = with_lane(Lane::new("grey-v2")?, call).await?;
    tracing::info!(lane = %String::from_utf8_lossy(&answer), "answered");
    guard.shutdown().await;
    Ok(())
}
