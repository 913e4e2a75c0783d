//! The `laneway` binary: a table of contents.

use std::process::ExitCode;

use clap::Parser;
use laneway_collector::cli::{Cli, Command, ServeArgs};
use laneway_collector::config::Config;
use laneway_collector::serve::{Shop, serve};
use laneway_collector::{inspect, load, logging, migrate, snapshot, transfer};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// `EX_USAGE` of sysexits: a wrong flag, or a wrong configuration.
const USAGE: u8 = 64;

fn main() -> ExitCode {
    let command = match Cli::try_parse() {
        Ok(cli) => cli.into_command(),
        Err(error) => {
            // There is nobody to tell when this fails.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS };
        }
    };
    // A service of the shop brings its own runtime and its own logging.
    if let Command::DemoService(args) = command {
        return exit(laneway_shop::service_main(args).map(|()| ExitCode::SUCCESS));
    }
    if let Err(problem) = logging::init() {
        return usage(&problem);
    }
    match command {
        Command::Serve(args) => run(args, None),
        Command::Demo(args) => {
            let shop = Shop {
                requests_per_second: args.requests_per_second,
                seed: args.seed,
                faults: !args.no_faults,
            };
            run(args.serve, Some(shop))
        }
        Command::Load(args) => block_on(load::run(*args)),
        Command::Snapshot(args) => block_on(snapshot::run(args)),
        Command::Inspect(args) => exit(inspect::run(&args)),
        Command::Migrate(args) => with_config(args.serve, |config| migrate::run(config, args.print)),
        Command::Export(args) => with_config(args, transfer::export),
        Command::Import(args) => with_config(args, transfer::import),
        Command::CheckConfig(args) => check_config(args),
        Command::DemoService(_) => unreachable!("handled above"),
    }
}

fn run(args: ServeArgs, shop: Option<Shop>) -> ExitCode {
    match config(args) {
        Ok(config) => block_on(async { serve(config, shop).await.map(|()| ExitCode::SUCCESS) }),
        Err(problems) => usage(&problems),
    }
}

fn with_config<W: Future<Output = anyhow::Result<ExitCode>>>(
    args: ServeArgs,
    work: impl FnOnce(Config) -> W,
) -> ExitCode {
    match config(args) {
        Ok(config) => block_on(work(config)),
        Err(problems) => usage(&problems),
    }
}

#[allow(clippy::print_stdout, reason = "the configuration is the output of this command")]
fn check_config(args: ServeArgs) -> ExitCode {
    match config(args) {
        Ok(config) => {
            print!("{}", config.to_toml());
            ExitCode::SUCCESS
        }
        Err(problems) => usage(&problems),
    }
}

fn config(args: ServeArgs) -> Result<Config, String> {
    let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    let env = std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect();
    Config::load(args.into_layers(env)).map_err(|error| error.to_string())
}

fn block_on(work: impl Future<Output = anyhow::Result<ExitCode>>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    exit(match runtime {
        Ok(runtime) => {
            let result = runtime.block_on(work);
            // Blocking work that outlives the drain deadline must not hold up the exit.
            runtime.shutdown_background();
            result
        }
        Err(error) => Err(anyhow::Error::new(error).context("cannot start threads")),
    })
}

#[allow(clippy::print_stderr, reason = "for whoever typed the command, whatever the log filter")]
fn exit(result: anyhow::Result<ExitCode>) -> ExitCode {
    result.unwrap_or_else(|error| {
        eprintln!("laneway: {}", sentence(&error));
        ExitCode::FAILURE
    })
}

/// An error with its causes, each named once: some errors quote their cause, others leave that to the reader.
fn sentence(error: &anyhow::Error) -> String {
    error
        .chain()
        .map(ToString::to_string)
        .reduce(|said, cause| match said.ends_with(&cause) {
            true => said,
            false => format!("{said}: {cause}"),
        })
        .unwrap_or_default()
}

#[allow(clippy::print_stderr, reason = "for whoever typed the command, whatever the log filter")]
fn usage(problem: &str) -> ExitCode {
    eprintln!("laneway: {problem}");
    ExitCode::from(USAGE)
}
