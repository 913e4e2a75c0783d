//! The shop by itself, against any OTLP endpoint; `laneway demo` runs the same shop beside a collector.

use clap::{Parser, Subcommand};
use laneway_shop::ServiceArgs;
use laneway_shop::demo::{self, DemoOptions};

#[derive(Debug, Parser)]
#[command(about, version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the shop until Ctrl-C.
    Run(RunArgs),
    /// Run one instance of one service.
    #[command(hide = true)]
    DemoService(ServiceArgs),
}

#[derive(Debug, clap::Args)]
struct RunArgs {
    /// Where spans are sent, OTLP over gRPC.
    #[arg(long, default_value = "http://127.0.0.1:4317")]
    otlp_endpoint: String,
    /// The base URL of Laneway's query API, for the lines that are printed.
    #[arg(long, default_value = "http://127.0.0.1:16686")]
    http_url: String,
    /// Requests that the users send per second.
    #[arg(long, default_value_t = DemoOptions::DEFAULT_REQUESTS_PER_SECOND)]
    rate: f64,
    /// Seed of the users' choices and of the faults.
    #[arg(long, default_value_t = DemoOptions::DEFAULT_SEED)]
    seed: u64,
    /// Nothing fails or stalls on purpose.
    #[arg(long)]
    no_faults: bool,
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Run(args) => run(args),
        Command::DemoService(args) => laneway_shop::service_main(args),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn run(args: RunArgs) -> anyhow::Result<()> {
    let options = DemoOptions {
        requests_per_second: args.rate,
        seed: args.seed,
        faults: !args.no_faults,
        ..DemoOptions::new(std::env::current_exe()?, args.otlp_endpoint, args.http_url)
    };
    demo::run(options, async {
        // It fails only when the system has no signals; then there is nothing to wait for.
        let _ = tokio::signal::ctrl_c().await;
    })
    .await
}
