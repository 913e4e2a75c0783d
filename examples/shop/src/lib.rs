#![doc = include_str!("../README.md")]

use clap::Args;

mod database;
pub mod demo;
mod discovery;
mod failure;
mod faults;
mod host;
mod model;
mod peers;
mod services;
mod traffic;

pub use discovery::Instance;
pub use services::Service;

/// One instance of one service: the arguments of the hidden subcommand `demo-service`.
#[derive(Debug, Clone, Args)]
pub struct ServiceArgs {
    /// The service.
    #[arg(long)]
    pub name: Service,
    /// The lane that this instance serves.
    #[arg(long, default_value = laneway::Lane::BASE)]
    pub lane: String,
    /// Where spans are sent, OTLP over gRPC: `http://127.0.0.1:4317`.
    #[arg(long)]
    pub otlp_endpoint: String,
    /// Seed of the choices and faults of this instance.
    #[arg(long, default_value_t = demo::DemoOptions::DEFAULT_SEED)]
    pub seed: u64,
    /// Nothing fails or stalls on purpose.
    #[arg(long)]
    pub no_faults: bool,
    /// Requests per second, for the `traffic` service.
    #[arg(long, default_value_t = demo::DemoOptions::DEFAULT_REQUESTS_PER_SECOND)]
    pub requests_per_second: f64,
}

/// Runs one instance until its standard input closes.
///
/// It brings its own current-thread runtime: call it outside of any other.
///
/// # Errors
/// When the arguments are wrong, a port cannot be bound, or the instance fails.
pub fn service_main(args: ServiceArgs) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(run_service(args))
}

async fn run_service(args: ServiceArgs) -> anyhow::Result<()> {
    // These lines are all that a service adds to its `main`.
    let guard = laneway::builder()
        .service_name(args.name.as_str())
        .lane(args.lane.parse()?)
        .endpoint(&args.otlp_endpoint)
        .install()?;

    let host = host::Host::start(&args).await?;
    let parent = host.parent.clone();
    let service = async {
        match args.name {
            Service::Gateway => services::gateway::run(host).await,
            Service::Catalog => services::catalog::run(host).await,
            Service::Cart => services::cart::run(host).await,
            Service::Recommendation => services::recommendation::run(host).await,
            Service::Order => services::order::run(host).await,
            Service::Payment => services::payment::run(host).await,
            Service::Shipping => services::shipping::run(host).await,
            Service::Broker => services::broker::run(host).await,
            Service::Traffic => traffic::run(host, args.requests_per_second).await,
        }
    };
    let ended = parent.outlived_by(service).await;
    // The last spans leave before the process does.
    guard.shutdown().await;
    ended
}
