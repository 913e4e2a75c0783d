//! What spans cost in ClickHouse: our tables against those that the OpenTelemetry Collector's exporter makes, in the same engine, with the
//! same spans; and several collectors over one engine.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::Args;

use crate::engine::Engine;
use crate::python;
use crate::server::Server;
use crate::step::{Steps, say};

/// Sizes of a run.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// Spans that both tables get
    #[arg(long, default_value_t = 1_000_000)]
    spans: u64,
    /// Spans per second while they are recorded: their times are spread accordingly
    #[arg(long, default_value_t = 3000)]
    rate: u64,
    /// Further flags of `laneway load`
    #[arg(long = "load", value_name = "FLAG", allow_hyphen_values = true)]
    load: Vec<String>,
    /// Measure so many collectors over one engine instead; may be repeated
    #[arg(long, value_name = "N")]
    collectors: Vec<usize>,
}

/// The tables that the exporter makes.
const EXPORTER: &str = include_str!("../../tests/testdata/clickhouse-exporter/traces.sql");
/// The columns that both tables have.
const COLUMNS: &str = "Timestamp, TraceId, SpanId, ParentSpanId, TraceState, SpanName, SpanKind, ServiceName, \
     ResourceAttributes, ScopeName, ScopeVersion, SpanAttributes, Duration, StatusCode, StatusMessage, \
     Events.Timestamp, Events.Name, Events.Attributes, Links.TraceId, Links.SpanId, Links.TraceState, Links.Attributes";
/// Those that only ours has.
const OUR_COLUMNS: &str = "Lane, InstanceLane, InstanceId, Region, Flags, SpanAttributeTypes, ResourceAttributeTypes, \
     ScopeAttributes, Rest, Batch";
/// Spans of an insert.
const BATCH: u64 = 100_000;
/// Questions of each kind.
const QUESTIONS: u64 = 60;
/// How long ClickHouse may take for what is left when all spans were acknowledged.
const PATIENCE: Duration = Duration::from_secs(600);

/// Builds, records spans, and prints a line for each pair of tables, or for each number of collectors.
pub(crate) fn run(steps: &mut Steps, options: &Options) -> anyhow::Result<()> {
    let python = python::install(steps)?;
    let binary = steps.release_binary()?;
    let script = steps.root().join("tests/python/clickhouse.py");
    let dir = steps.target().join(format!("bench-clickhouse-{}", std::process::id()));
    if options.collectors.is_empty() {
        let mut engine = Engine::start(&python, &script, &dir)?;
        return tables(&mut engine, &binary, &dir, options);
    }
    say(
        "collectors  spans/s acknowledged  spans/s stored  CPU us/span: collectors  ClickHouse  both, figures included",
    );
    for &number in &options.collectors {
        let mut engine = Engine::start(&python, &script, &dir)?;
        collectors(&mut engine, &binary, &dir, number, options.spans)?;
    }
    Ok(())
}

/// Spans of several collectors at full rate, until ClickHouse has them and their figures.
fn collectors(
    engine: &mut Engine,
    binary: &Path,
    dir: &Path,
    number: usize,
    spans: u64,
) -> anyhow::Result<()> {
    let config = engine.config("laneway")?;
    let environment = [format!("LANEWAY_CONFIG={}", config.display())];
    let servers = (0..number)
        .map(|i| Server::start(binary, &dir.join(format!("collector-{i}")), &environment))
        .collect::<anyhow::Result<Vec<Server>>>()?;
    wait_until(engine, "EXISTS TABLE laneway.laneway_presence", 1)?;
    let cpu = |engine: &Engine| {
        let servers = servers.iter().map(Server::cpu).sum::<anyhow::Result<Duration>>()?;
        anyhow::Ok([servers, engine.cpu()?])
    };
    let (began, before) = (Instant::now(), cpu(engine)?);
    let share = spans / number as u64;
    let flags = [format!("--spans={share}"), "--connections=2".to_owned()];
    let acked = std::thread::scope(|scope| {
        let loads: Vec<_> =
            servers.iter().map(|server| scope.spawn(|| server.load(binary, "grpc", &flags))).collect();
        let acked = loads.into_iter().map(|load| {
            let report = load.join().map_err(|_| anyhow::anyhow!("a load died"))??;
            // What had no answer in time, on a machine that is too busy, may be stored or not.
            report["spans_acked"].as_u64().context("the load's report has no spans_acked")
        });
        acked.sum::<anyhow::Result<u64>>()
    })?;
    let acknowledged = began.elapsed();
    wait_until(engine, "SELECT count() FROM laneway.otel_traces", acked)?;
    let stored = began.elapsed();
    let total = engine.number("default", "SELECT count() FROM laneway.otel_traces")?;
    wait_until(engine, "SELECT toUInt64(sum(Spans)) FROM laneway.laneway_red", total)?;
    let per_span = |cpu: Duration| cpu.as_secs_f64() * 1e6 / total as f64;
    let after = cpu(engine)?;
    let [ours, theirs] = [0, 1].map(|i| per_span(after[i] - before[i]));
    let per_second = |took: Duration| total as f64 / took.as_secs_f64();
    say(&format!(
        "{number:<10}  {:>20.0}  {:>14.0}  {ours:>23.2}  {theirs:>10.2}  {:>23.2}",
        per_second(acknowledged),
        per_second(stored),
        ours + theirs
    ));
    Ok(())
}

/// Asks until a number is at least so large.
fn wait_until(engine: &mut Engine, query: &str, least: u64) -> anyhow::Result<()> {
    let began = Instant::now();
    // A table that is asked for may not be there yet.
    while !engine.number("default", query).is_ok_and(|number| number >= least) {
        ensure!(began.elapsed() < PATIENCE, "{query} is not {least} yet");
        std::thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

/// A pair of tables with the same spans.
struct Tables {
    database: &'static str,
    columns: String,
    insert: Duration,
}

fn tables(engine: &mut Engine, binary: &Path, dir: &Path, options: &Options) -> anyhow::Result<()> {
    record(engine, binary, dir, options)?;
    engine.run("default", "CREATE DATABASE exporter")?;
    for statement in EXPORTER.split(";\n").filter(|statement| !statement.trim().is_empty()) {
        engine.run("exporter", statement)?;
    }
    let config = engine.config("ours")?;
    let migrated = std::process::Command::new(binary).arg("migrate").arg("--config").arg(config).output()?;
    ensure!(migrated.status.success(), "laneway migrate: {}", String::from_utf8_lossy(&migrated.stderr));

    let tables = |database, columns| Tables { database, columns, insert: Duration::ZERO };
    let mut pairs =
        [tables("exporter", COLUMNS.to_owned()), tables("ours", format!("{COLUMNS}, {OUR_COLUMNS}"))];
    fill(engine, &mut pairs, options.spans)?;
    say(
        "tables     bytes/span: spans  of that indexes  lookup  both   CPU us/span: insert  merge into one part",
    );
    let mut bytes = Vec::new();
    for pair in &pairs {
        let before = engine.cpu()?;
        for table in ["otel_traces", "otel_traces_trace_id_ts"] {
            engine.run(pair.database, &format!("SYSTEM START MERGES {}.{table}", pair.database))?;
            engine.run(pair.database, &format!("OPTIMIZE TABLE {table} FINAL"))?;
        }
        let merge = engine.cpu()? - before;
        let mut size = |column: &str, table: &str| {
            let query = format!(
                "SELECT sum({column}) FROM system.parts WHERE active AND database = '{}' AND table = '{table}'",
                pair.database
            );
            anyhow::Ok(engine.number("default", &query)? as f64 / options.spans as f64)
        };
        let spans = size("bytes_on_disk", "otel_traces")?;
        let indexes = size("secondary_indices_compressed_bytes", "otel_traces")?;
        let lookup = size("bytes_on_disk", "otel_traces_trace_id_ts")?;
        let per_span = |cpu: Duration| cpu.as_secs_f64() * 1e6 / options.spans as f64;
        say(&format!(
            "{:<9}  {spans:>17.2}  {indexes:>15.2}  {lookup:>6.2}  {:>4.2}  {:>19.2}  {:>19.2}",
            pair.database,
            spans + lookup,
            per_span(pair.insert),
            per_span(merge)
        ));
        bytes.push(spans + lookup);
    }
    say(&format!("ours has {:.1} % fewer bytes", (1.0 - bytes[1] / bytes[0]) * 100.0));
    ask(engine, &pairs)
}

/// Has a collector write spans, and numbers them in the order of their seconds, as they would arrive.
fn record(engine: &mut Engine, binary: &Path, dir: &Path, options: &Options) -> anyhow::Result<()> {
    let config = engine.config("source")?;
    let environment = [format!("LANEWAY_CONFIG={}", config.display())];
    let server = Server::start(binary, &dir.join("collector"), &environment)?;
    let mut flags =
        vec![format!("--spans={}", options.spans), format!("--rate={}", options.rate), "--seed=7".to_owned()];
    flags.extend(options.load.iter().cloned());
    let report = server.load(binary, "grpc", &flags)?;
    ensure!(report["spans_acked"] == options.spans, "not all spans were acknowledged: {report}");
    wait_until(engine, "SELECT count() FROM source.otel_traces", options.spans)?;
    drop(server);
    let numbered = "CREATE TABLE numbered ENGINE = MergeTree ORDER BY n AS SELECT *, rowNumberInAllBlocks() AS n FROM \
         (SELECT * FROM otel_traces ORDER BY toStartOfSecond(Timestamp), Batch, ServiceName, SpanName, Timestamp)";
    engine.run("source", numbered)?;
    Ok(())
}

/// Inserts the same batches into both, one after the other. Nothing is merged meanwhile, and what reading takes is taken away.
fn fill(engine: &mut Engine, pairs: &mut [Tables], spans: u64) -> anyhow::Result<()> {
    for pair in &*pairs {
        for table in ["otel_traces", "otel_traces_trace_id_ts"] {
            engine.run(pair.database, &format!("SYSTEM STOP MERGES {}.{table}", pair.database))?;
        }
    }
    for first in (0..spans).step_by(BATCH as usize) {
        for pair in &mut *pairs {
            let select = format!(
                "SELECT {} FROM source.numbered WHERE n >= {first} AND n < {} \
                 SETTINGS max_threads = 1, max_block_size = {BATCH}, preferred_block_size_bytes = 0, min_insert_block_size_rows = {BATCH}",
                pair.columns,
                first + BATCH
            );
            let before = engine.cpu()?;
            engine.run(pair.database, &format!("{select} FORMAT Null"))?;
            let between = engine.cpu()?;
            engine.run(pair.database, &format!("INSERT INTO otel_traces ({}) {select}", pair.columns))?;
            pair.insert += (engine.cpu()? - between).saturating_sub(between - before);
        }
    }
    for pair in &*pairs {
        let stored = engine.number(pair.database, "SELECT count() FROM otel_traces")?;
        ensure!(stored == spans, "{} has {stored} of {spans} spans", pair.database);
    }
    Ok(())
}

/// Asks both the same, in turn.
fn ask(engine: &mut Engine, pairs: &[Tables]) -> anyhow::Result<()> {
    let list = |engine: &mut Engine, select: &str| {
        let text = engine.text("source", &format!("{select} LIMIT {QUESTIONS}"))?;
        anyhow::Ok(text.lines().map(str::to_owned).collect::<Vec<String>>())
    };
    let traces = list(engine, "SELECT DISTINCT TraceId FROM numbered ORDER BY cityHash64(TraceId)")?;
    let services = list(engine, "SELECT DISTINCT ServiceName FROM numbered ORDER BY ServiceName")?;
    let newest = engine.text("source", "SELECT max(Timestamp) FROM numbered")?;
    let minute = format!("Timestamp > toDateTime64('{newest}', 9) - 60");
    let users = format!(
        "SELECT SpanAttributes['user.id'] AS user FROM numbered WHERE user != '' AND {minute} ORDER BY cityHash64(user)"
    );
    let users = list(engine, &users)?;
    let by_id = |id: &str| {
        let bound = |what: &str| {
            format!("(SELECT toDateTime64({what}, 9) FROM otel_traces_trace_id_ts WHERE TraceId = '{id}')")
        };
        format!(
            "SELECT * FROM otel_traces WHERE TraceId = '{id}' AND Timestamp >= {} AND Timestamp < {} FORMAT Native",
            bound("min(Start)"),
            bound("max(End) + 1")
        )
    };
    let search = |condition: String| {
        format!(
            "SELECT TraceId, max(Timestamp) AS newest FROM otel_traces WHERE {minute} AND {condition} \
             GROUP BY TraceId ORDER BY newest DESC, TraceId DESC LIMIT 21"
        )
    };
    say(&format!("{:<32}  {:<8}  {:>7}  {:>7}", "question", "tables", "p50 ms", "CPU ms"));
    measure(engine, pairs, "trace by id", &traces, by_id)?;
    measure(engine, pairs, "newest of a service in a minute", &services, |name| {
        search(format!("ServiceName = '{name}'"))
    })?;
    measure(engine, pairs, "user.id in a minute", &users, |user| {
        search(format!(
            "mapContains(SpanAttributes, 'user.id') AND hasAny(mapValues(SpanAttributes), ['{user}'])"
        ))
    })
}

fn measure(
    engine: &mut Engine,
    pairs: &[Tables],
    question: &str,
    items: &[String],
    sql: impl Fn(&str) -> String,
) -> anyhow::Result<()> {
    let mut spent = vec![(Duration::ZERO, Vec::new()); pairs.len()];
    for item in items {
        let mut answers = Vec::new();
        for (pair, (cpu, took)) in pairs.iter().zip(&mut spent) {
            let (before, began) = (engine.cpu()?, Instant::now());
            answers.push(engine.run(pair.database, &sql(item))?.len());
            took.push(began.elapsed());
            *cpu += engine.cpu()? - before;
        }
        ensure!(answers.iter().all(|answer| *answer > 0), "{question} {item}: no answer");
    }
    for (pair, (cpu, mut took)) in pairs.iter().zip(spent) {
        took.sort_unstable();
        let p50 = took.get(took.len() / 2).context("nothing was asked")?;
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        say(&format!(
            "{question:<32}  {:<8}  {:>7.1}  {:>7.1}",
            pair.database,
            ms(*p50),
            ms(cpu) / items.len() as f64
        ));
    }
    Ok(())
}
