//! `laneway serve` and `laneway demo`, from the configuration to the exit.

use anyhow::Context;
use laneway_shop::demo::{self, DemoOptions};
use tokio_util::sync::CancellationToken;

use crate::collector::{Addresses, Bound, Collector};
use crate::config::Config;
use crate::signals::Signals;
use crate::store;

/// The shop that a demo runs beside the collector.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shop {
    /// Requests of its users per second.
    pub requests_per_second: f64,
    /// Seed of their choices.
    pub seed: u64,
    /// Whether calls fail and stall now and then.
    pub faults: bool,
}

/// Runs a collector until a signal, then drains it; with a shop beside it, when there is one.
///
/// # Errors
/// When it cannot start, or cannot drain in time. The message is one sentence for whoever started it.
pub async fn serve(config: Config, shop: Option<Shop>) -> anyhow::Result<()> {
    let mut signals = Signals::new().context("cannot catch signals")?;
    let bound = Bound::new(&config).await?;
    let store = store::open(&config).await?;
    let collector = Collector::start(&config, bound, store);
    let addresses = collector.addresses();
    announce(addresses);

    let stop_shop = CancellationToken::new();
    let running_shop = shop.map(|shop| tokio::spawn(run_shop(shop, addresses, stop_shop.clone())));

    let signal = signals.next().await;
    let deadline = config.shutdown.drain_deadline;
    tracing::info!(signal, ?deadline, "draining; a second signal exits at once");
    stop_shop.cancel();
    let drain = async {
        if let Some(shop) = running_shop {
            // The shop sends its last spans while it ends. A panic in it was logged.
            let _ = shop.await;
        }
        collector.drain(deadline).await
    };
    tokio::select! {
        drained = drain => drained?,
        signal = signals.next() => anyhow::bail!("{signal} came while draining; what was acknowledged is in the log"),
    }
    tracing::info!("drained");
    Ok(())
}

/// The one line that says that spans are accepted, and where.
#[allow(clippy::print_stdout, reason = "the ready line is what starters and scripts wait for")]
fn announce(addresses: Addresses) {
    let Addresses { http, otlp_grpc, otlp_http } = addresses;
    println!("laneway ready http={http} otlp_grpc={otlp_grpc} otlp_http={otlp_http}");
}

/// Runs the shop until `stop`. Its failure is logged, and the collector goes on.
async fn run_shop(shop: Shop, addresses: Addresses, stop: CancellationToken) {
    let run = async {
        let options = DemoOptions {
            exe: std::env::current_exe().context("cannot find this binary")?,
            otlp_endpoint: format!("http://{}", addresses.otlp_grpc),
            http_url: format!("http://{}", addresses.http),
            requests_per_second: shop.requests_per_second,
            seed: shop.seed,
            faults: shop.faults,
        };
        demo::run(options, stop.clone().cancelled_owned()).await
    };
    if let Err(error) = run.await {
        tracing::error!(error = format!("{error:#}"), "the shop has ended");
    }
}
