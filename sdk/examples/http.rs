//! Two services in one process, a request in a lane through both, and its spans on standard output: nothing else has to run.
//!
//! ```text
//! cargo run -p laneway --example http --features axum,console,reqwest
//! ```
//!
//! It ends with a line of OTLP/JSON. The second SERVER span has the caller's name in its `traceState`.

use axum::Router;
use axum::routing::get;
use laneway::http::ServerLayer;
use laneway::reqwest::Middleware;
use laneway::{Lane, span, with_lane};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use tokio::net::TcpListener;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[tokio::main]
async fn main() -> Result<()> {
    // Where there is a collector, nothing is passed here: see the environment variables.
    let guard = laneway::builder().service_name("shop").print().install()?;
    // The middleware of the client sends the context along.
    let client =
        ClientBuilder::new(reqwest::Client::builder().no_proxy().build()?).with(Middleware::new()).build();

    let prices = serve(Router::new().route("/prices/{product}", get(price))).await?;
    let calls = client.clone();
    let buy = move || {
        let (calls, url) = (calls.clone(), format!("http://{prices}/prices/7"));
        async move { fetch(&calls, &url).await.unwrap_or_else(|error| error.to_string()) }
    };
    let shop = serve(Router::new().route("/buy", get(buy))).await?;

    // A gateway or a rule does this in a fleet.
    let visit = with_lane(Lane::new("grey-v2")?, fetch(&client, &format!("http://{shop}/buy"))).await;
    tracing::info!(price = visit?, "bought");
    guard.shutdown().await;
    Ok(())
}

async fn price() -> &'static str {
    let _span = span!("look up price", db.system.name = "memory").entered();
    "3.50"
}

async fn fetch(
    client: &ClientWithMiddleware,
    url: &str,
) -> std::result::Result<String, reqwest_middleware::Error> {
    Ok(client.get(url).send().await?.text().await?)
}

async fn serve(routes: Router) -> Result<std::net::SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    // The layer makes the SERVER span of each request.
    tokio::spawn(async { axum::serve(listener, routes.layer(ServerLayer::new())).await });
    Ok(address)
}
