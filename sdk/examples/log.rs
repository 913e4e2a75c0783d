//! Log lines that lead to their traces, as text and as JSON. Nothing else has to run.
//!
//! ```text
//! cargo run -p laneway --example log
//! ```

use laneway::log::WithContext;
use laneway::{Lane, with_lane};
use tracing::Instrument;
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Spans go nowhere here: this is about lines. With a collector, `deliver` is left out.
    let (layer, guard) = laneway::builder().service_name("cart").deliver(drop).build()?;
    let text = fmt::layer().event_format(WithContext::text(fmt::format()));
    let json = fmt::layer().json().event_format(WithContext::json(fmt::format().json()));
    tracing_subscriber::registry().with(layer).with(text).with(json).init();

    let answer = async { tracing::info!(items = 3, "ready") };
    // The span is opened in the lane.
    let request = async { answer.instrument(tracing::info_span!("GET /cart")).await };
    with_lane(Lane::new("grey-v2")?, request).await;
    guard.shutdown().await;
    Ok(())
}
