//! The command line.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::config::Layers;
use crate::inspect::InspectArgs;
use crate::load::LoadArgs;
use crate::snapshot::SnapshotArgs;

/// Distributed tracing for fleets that run several lanes side by side.
///
/// Without a command, `serve`.
#[derive(Debug, Parser)]
#[command(name = "laneway", version, about, args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeArgs,
}

impl Cli {
    /// The command to run.
    #[must_use]
    pub fn into_command(self) -> Command {
        self.command.unwrap_or(Command::Serve(self.serve))
    }
}

/// A command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Receive spans, store them, and answer queries
    Serve(ServeArgs),
    /// Serve, and run a small shop of services with lanes and traffic
    Demo(DemoArgs),
    /// Send spans of a made-up fleet, and say how fast they were acknowledged
    Load(Box<LoadArgs>),
    /// Copy the data of a running server, for a backup
    Snapshot(SnapshotArgs),
    /// Print what a data directory holds: parts, columns, logs
    Inspect(InspectArgs),
    /// Bring ClickHouse's schema up to date, or print it
    Migrate(MigrateArgs),
    /// Copy what a data directory holds to ClickHouse; no server may be using it
    Export(ServeArgs),
    /// Copy what ClickHouse has into an empty data directory, as Parquet files
    Import(ServeArgs),
    /// Print the configuration that would apply, or everything that is wrong with it
    CheckConfig(ServeArgs),
    /// One instance of one service of the demo shop
    #[command(hide = true)]
    DemoService(laneway_shop::ServiceArgs),
}

/// Flags of everything that serves.
///
/// Addresses are texts here: they are checked with the rest of the configuration, so that one message names every problem.
#[derive(Debug, Clone, Default, Args)]
pub struct ServeArgs {
    /// Configuration file, TOML [env: LANEWAY_CONFIG]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Directory of everything that is stored [env: LANEWAY_DATA_DIR] [default: ./laneway-data]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
    /// Address of OTLP/gRPC [env: LANEWAY_OTLP_GRPC] [default: 127.0.0.1:4317]
    #[arg(long, value_name = "ADDR")]
    otlp_grpc: Option<String>,
    /// Address of OTLP/HTTP [env: LANEWAY_OTLP_HTTP] [default: 127.0.0.1:4318]
    #[arg(long, value_name = "ADDR")]
    otlp_http: Option<String>,
    /// Address of the query API [env: LANEWAY_HTTP] [default: 127.0.0.1:16686]
    #[arg(long, value_name = "ADDR")]
    http: Option<String>,
    /// Allow addresses that other machines can reach, although nothing is authenticated yet [env: LANEWAY_INSECURE_PUBLIC]
    #[arg(long)]
    insecure_public: bool,
}

impl ServeArgs {
    /// The layers of the configuration, with these flags on top of `env`.
    #[must_use]
    pub fn into_layers(self, env: BTreeMap<String, String>) -> Layers {
        let flags = [
            ("data_dir", self.data_dir),
            ("otlp_grpc", self.otlp_grpc),
            ("otlp_http", self.otlp_http),
            ("http", self.http),
            ("insecure_public", self.insecure_public.then(|| "true".to_owned())),
        ];
        let flags = flags.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
        Layers { file: self.config, env, flags }
    }
}

/// Flags of `laneway migrate`.
#[derive(Debug, Args)]
pub struct MigrateArgs {
    /// Print all statements instead, for somebody else to run
    #[arg(long)]
    pub print: bool,
    /// The collector's flags.
    #[command(flatten)]
    pub serve: ServeArgs,
}

/// Flags of `laneway demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// The collector's flags.
    #[command(flatten)]
    pub serve: ServeArgs,
    /// Requests that the shop's users send per second; 0 means that nobody comes
    #[arg(long, value_name = "N", default_value_t = laneway_shop::demo::DemoOptions::DEFAULT_REQUESTS_PER_SECOND)]
    pub requests_per_second: f64,
    /// The same seed makes the same choices
    #[arg(long, value_name = "S", default_value_t = laneway_shop::demo::DemoOptions::DEFAULT_SEED)]
    pub seed: u64,
    /// Nothing fails or stalls on purpose
    #[arg(long)]
    pub no_faults: bool,
}
