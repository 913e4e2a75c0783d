//! The whole shop: starts every instance, tells them each other's addresses, and takes them down again.

use std::future::{Future, poll_fn};
use std::io::Write;
use std::path::PathBuf;
use std::task::Poll;
use std::time::Duration;

use tokio::time::Instant;

use self::child::Child;
use crate::discovery::{AddressBook, Instance};
use crate::services::Service;

mod child;
pub(crate) mod plan;

/// How long the whole shop may take to start.
const START_TIMEOUT: Duration = Duration::from_secs(20);
/// How long the whole shop may take to end; what still runs then is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(8);

/// What [`run`] needs to know.
#[derive(Debug, Clone)]
pub struct DemoOptions {
    /// The binary whose `demo-service` subcommand is [`service_main`](crate::service_main); usually
    /// [`std::env::current_exe`].
    pub exe: PathBuf,
    /// Where the instances send their spans, OTLP over gRPC: `http://127.0.0.1:4317`.
    pub otlp_endpoint: String,
    /// The base URL of the collector's query API, for the lines that are printed: `http://127.0.0.1:16686`.
    pub http_url: String,
    /// Requests that the simulated users send per second, at most 1,000. 0 means that nobody comes.
    pub requests_per_second: f64,
    /// Seed of the users' choices and of the faults. The same seed gives the same sequence of choices.
    pub seed: u64,
    /// Whether calls fail and stall now and then.
    pub faults: bool,
}

impl DemoOptions {
    /// Default of [`requests_per_second`](Self::requests_per_second).
    pub const DEFAULT_REQUESTS_PER_SECOND: f64 = 8.0;
    /// The most [`requests_per_second`](Self::requests_per_second).
    pub const MAX_REQUESTS_PER_SECOND: f64 = 1_000.0;
    /// Default of [`seed`](Self::seed).
    pub const DEFAULT_SEED: u64 = 1;

    /// A shop with the default traffic and faults.
    pub fn new(
        exe: impl Into<PathBuf>,
        otlp_endpoint: impl Into<String>,
        http_url: impl Into<String>,
    ) -> Self {
        Self {
            exe: exe.into(),
            otlp_endpoint: otlp_endpoint.into(),
            http_url: http_url.into(),
            requests_per_second: Self::DEFAULT_REQUESTS_PER_SECOND,
            seed: Self::DEFAULT_SEED,
            faults: true,
        }
    }
}

/// Runs the shop until `shutdown` completes, then ends every instance and waits for it, under a deadline.
///
/// When the shop is up it prints where it is and what to try, to standard output. The instances send their last
/// spans while they end: the collector must still accept then. Dropping the future kills every instance.
///
/// # Errors
/// When an instance cannot be started. One that dies later is reported on standard error, and the rest goes on.
pub async fn run(options: DemoOptions, shutdown: impl Future<Output = ()>) -> anyhow::Result<()> {
    let mut shutdown = std::pin::pin!(shutdown);
    let mut shop = tokio::select! {
        shop = Shop::start(&options) => shop?,
        () = &mut shutdown => return Ok(()),
    };
    announce(&options, &shop);
    tokio::select! {
        () = shop.report_deaths() => {}
        () = &mut shutdown => {}
    }
    shop.stop().await;
    Ok(())
}

/// The running shop. Dropping it kills every instance; [`Shop::stop`] lets them finish first.
#[derive(Debug)]
pub struct Shop {
    children: Vec<Child>,
    book: AddressBook,
}

impl Shop {
    /// Starts every instance, and tells each the addresses of all.
    ///
    /// # Errors
    /// When the rate is out of bounds, or an instance cannot be started or is not up in time. The others are killed.
    pub async fn start(options: &DemoOptions) -> anyhow::Result<Self> {
        let (rate, max) = (options.requests_per_second, DemoOptions::MAX_REQUESTS_PER_SECOND);
        anyhow::ensure!((0.0..=max).contains(&rate), "requests per second are 0 to {max}, not {rate}");
        let deadline = Instant::now() + START_TIMEOUT;
        let mut children = Vec::new();
        for (service, lane) in plan::instances() {
            // Nobody comes: no process either.
            if service != Service::Traffic || rate > 0.0 {
                // Each instance throws its own dice.
                let seed = options.seed.wrapping_add(children.len() as u64);
                children.push(Child::spawn(options, service, lane, seed)?);
            }
        }
        let mut instances = Vec::new();
        for child in &mut children {
            instances.push(child.read_address(deadline).await?);
        }
        let book = AddressBook::new(instances);
        for child in &mut children {
            child.send_addresses(&book).await?;
        }
        Ok(Self { children, book })
    }

    /// Where the instances of one service listen.
    pub fn instances(&self, service: Service) -> impl Iterator<Item = &Instance> {
        self.book.instances(service)
    }

    /// Ends the shop from its users to its broker, so that each service outlives its callers.
    ///
    /// What still runs after 8 seconds is killed.
    pub async fn stop(self) {
        let deadline = Instant::now() + STOP_TIMEOUT;
        // In the reverse of the order in which they were started.
        for child in self.children.into_iter().rev() {
            child.stop(deadline).await;
        }
    }

    /// Reports every instance that ends by itself; completes when none is left.
    async fn report_deaths(&mut self) {
        let mut deaths: Vec<_> =
            self.children.iter_mut().map(|child| Box::pin(child.report_death())).collect();
        poll_fn(|cx| {
            deaths.retain_mut(|death| death.as_mut().poll(cx).is_pending());
            if deaths.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

/// Says where the shop is and what to try, on standard output.
fn announce(options: &DemoOptions, shop: &Shop) {
    let DemoOptions { http_url, requests_per_second, .. } = options;
    let processes = shop.children.len();
    let lanes = plan::LANES.join(", ");
    let grey = plan::GREY_V2;
    let gateway = shop.instances(Service::Gateway).map(|it| it.address.to_string()).collect::<String>();
    let text = format!(
        "shop up: {processes} processes, about {requests_per_second} requests/s in the lanes {lanes}; Ctrl-C ends it
  laneway  {http_url}
  shop     http://{gateway}/products
newest traces of lane {grey}:
  curl -s '{http_url}/api/v1/traces?lane={grey}&limit=5'
services, with their lanes:
  curl -s '{http_url}/api/v1/services'
"
    );
    // Nobody may be reading; the shop does not depend on it.
    let _ = std::io::stdout().write_all(text.as_bytes());
}
