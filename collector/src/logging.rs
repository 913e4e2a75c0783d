//! Logs, on standard error.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Variables that name the log filter, the stronger first.
const FILTER_ENV: [&str; 2] = ["LANEWAY_LOG", "RUST_LOG"];
const DEFAULT_FILTER: &str = "info";

/// Starts logging, and has panics logged.
///
/// # Errors
/// When a variable holds no log filter.
pub fn init() -> Result<(), String> {
    let set = FILTER_ENV
        .into_iter()
        .find_map(|name| Some((name, std::env::var(name).ok().filter(|text| !text.is_empty())?)));
    let (name, text) = set.unwrap_or(("", DEFAULT_FILTER.to_owned()));
    let filter =
        EnvFilter::try_new(&text).map_err(|error| format!("{name} = {text:?} is no log filter: {error}"))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    std::panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        let message = panic.payload_as_str().unwrap_or("panic");
        let backtrace = std::backtrace::Backtrace::capture();
        tracing::error!(location, %backtrace, "panic: {message}");
    }));
    Ok(())
}
