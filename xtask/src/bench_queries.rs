//! What answers cost when many spans are stored: latency over HTTP, start, memory.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::Args;
use serde_json::Value;

use crate::server::{Client, Server};
use crate::step::{Steps, say};

/// Sizes of a run.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// Spans to store before anything is asked
    #[arg(long, default_value_t = 5_000_000)]
    spans: u64,
    /// Searches of each kind
    #[arg(long, default_value_t = 100)]
    searches: usize,
}

/// The allocator gives back within ten seconds what was freed.
const SETTLED: Duration = Duration::from_secs(15);
/// The store gives up what was not used for a minute, at the latest after two.
const QUIET: Duration = Duration::from_secs(150);

/// Traces that are fetched by id.
const TRACES: usize = 200;

/// Builds, stores, asks, and prints a line for each kind of question.
pub(crate) fn run(steps: &mut Steps, options: &Options) -> anyhow::Result<()> {
    let binary = steps.release_binary()?;
    let pid = std::process::id();
    let data_dir = steps.target().join(format!("bench-queries-{pid}"));
    let samples = steps.target().join(format!("bench-queries-{pid}.samples"));
    let mut server = Server::start(&binary, &data_dir, &[])?;
    say_memory("an empty data directory", server.rss_mb_after(SETTLED)?);
    let flags = [
        format!("--spans={}", options.spans),
        format!("--samples={}", samples.display()),
        format!("--sample-traces={TRACES}"),
    ];
    server.load(&binary, "grpc", &flags)?;
    server.wait_until_idle()?;
    let ids = std::fs::read_to_string(&samples)?
        .lines()
        .map(|line| {
            Ok(serde_json::from_str::<Value>(line)?["traceId"].as_str().context("no trace id")?.to_owned())
        })
        .collect::<anyhow::Result<Vec<String>>>()?;
    std::fs::remove_file(&samples)?;
    say(&format!("{} spans, {} parts", options.spans, server.metric("laneway_store_parts")?));
    say(&format!("{:<36}  {:>8}  {:>8}", "question", "p50 ms", "p99 ms"));
    ask(&mut server.client()?, &ids, options.searches)?;

    let ready = server.restart(&binary, &[])?;
    say(&format!("ready after {:.3} s", ready.as_secs_f64()));
    say_memory("a restart, and merging what was left", server.rss_mb_after(SETTLED)?);
    say("after that restart:");
    ask(&mut server.client()?, &ids, options.searches)?;
    say_memory("queries, and a while without any", server.rss_mb_after(QUIET)?);
    Ok(())
}

fn say_memory(after: &str, rss_mb: f64) {
    say(&format!("{rss_mb:.1} MB of memory when idle after {after}"));
}

fn ask(client: &mut Client, ids: &[String], searches: usize) -> anyhow::Result<()> {
    let by_id: Vec<String> = ids.iter().map(|id| format!("/api/v1/traces/{id}")).collect();
    measure(client, "trace by id", 200, by_id.iter())?;
    let missing: Vec<String> =
        (0..TRACES).map(|i| format!("/api/v1/traces/{:032x}", (i as u128 + 1) << 64 | 77)).collect();
    measure(client, "trace that does not exist", 404, missing.iter())?;

    let known = by_id.iter().take(40).map(|path| known(client, path)).collect::<anyhow::Result<Vec<_>>>()?;
    let mut search = |name: &str, conditions: &dyn Fn(&Known) -> String| {
        let paths: Vec<String> = known
            .iter()
            .cycle()
            .take(searches)
            .map(|known| format!("/api/v1/traces?start=now-15m&limit=20{}", conditions(known)))
            .collect();
        measure(client, name, 200, paths.iter())
    };
    search("20 newest", &|_| String::new())?;
    search("20 newest of a service", &|known| format!("&service={}", known.service))?;
    search("20 newest of a service's operation", &|known| {
        format!("&service={}&operation={}", known.service, encoded(&known.operation))
    })?;
    search("needle: user.id", &|known| format!("&tag=user.id%3D{}", known.user))?;
    search("value that nobody has", &|known| format!("&tag=http.route%3D{}", known.user))?;
    search("20 newest with an error", &|_| "&status=error".to_owned())?;
    search("20 newest of at least 700 ms", &|_| "&minDuration=700ms".to_owned())?;
    search("20 newest of a lane", &|_| "&lane=grey-v2".to_owned())
}

/// What a search can ask for, from a stored trace.
struct Known {
    service: String,
    operation: String,
    user: String,
}

fn known(client: &mut Client, path: &str) -> anyhow::Result<Known> {
    let (_, body) = client.get(path)?;
    let trace: Value = serde_json::from_slice(&body)?;
    let text = |attributes: &Value, key: &str| {
        let found = attributes.as_array()?.iter().find(|attribute| attribute["key"] == key)?;
        Some(found["value"]["stringValue"].as_str()?.to_owned())
    };
    for resource_spans in trace["resourceSpans"].as_array().into_iter().flatten() {
        for span in resource_spans["scopeSpans"][0]["spans"].as_array().into_iter().flatten() {
            if let (Some(service), Some(operation), Some(user)) = (
                text(&resource_spans["resource"]["attributes"], "service.name"),
                span["name"].as_str(),
                text(&span["attributes"], "user.id"),
            ) {
                return Ok(Known { service, operation: operation.to_owned(), user });
            }
        }
    }
    anyhow::bail!("{path} has no span with a user.id")
}

/// Percent-encodes what a query may not contain.
fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

fn measure<'a>(
    client: &mut Client,
    name: &str,
    expected: u16,
    paths: impl Iterator<Item = &'a String>,
) -> anyhow::Result<()> {
    let mut took = Vec::new();
    for path in paths {
        let began = Instant::now();
        let (status, body) = client.get(path)?;
        took.push(began.elapsed());
        ensure!(status == expected, "{path}: {status} {}", String::from_utf8_lossy(&body));
    }
    took.sort_unstable();
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    say(&format!("{name:<36}  {:>8.2}  {:>8.2}", ms(took[took.len() / 2]), ms(took[took.len() * 99 / 100])));
    Ok(())
}
