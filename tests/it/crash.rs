//! Killed at any instant, nothing acknowledged is lost, and a restart counts nothing twice.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;
use std::time::Duration;

use laneway_e2e::{Laneway, load};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tempfile::TempDir;

use crate::load::counted_spans;

const KILLS: u64 = 200;
/// So many kills lie between two looks at what was acknowledged meanwhile. All of it is looked at in the end.
const KILLS_PER_CHECK: u64 = 20;
const SEGMENT_SPANS: u64 = 1_000;
const SEED: u64 = 20_260_915;

/// What the runs of the load generator said.
#[derive(Default)]
struct Sent {
    acked: u64,
    unanswered: u64,
    /// Runs of which something was acknowledged before the kill.
    loaded_runs: u64,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_before_a_kill_is_there_exactly_once() {
    let dir = TempDir::new().unwrap();
    let config = dir.path().join("laneway.toml");
    configure(&config, 0);
    let mut rng = StdRng::seed_from_u64(SEED);
    let mut server = Laneway::start(&dir.path().join("data"), &["--config", config.to_str().unwrap()]).await;
    let [of_run, since_check, all] = ["run", "since-check", "all"].map(|name| dir.path().join(name));
    let mut sent = Sent::default();
    for kill in 1..=KILLS {
        let protocol = if kill % 2 == 0 { "grpc" } else { "http" };
        let flags = format!(
            "--spans 1000000 --rate 6000 --batch 200 --seed {kill} --spans-per-trace 40-80 --stop-on-disconnect --sample-traces 1000000 --samples {}",
            of_run.display()
        );
        let loading = load::command(&server, protocol, &flags).spawn().unwrap();
        first_acknowledgement(&server).await;
        let after = Duration::from_micros(rng.random_range(0..400_000));
        tokio::time::sleep(after).await;
        let stopped = server.kill9().await;
        let (_, report) = load::report(&loading.wait_with_output().await.unwrap());
        assert_eq!(report.spans_refused, 0, "kill {kill} after {after:?}: {report:?}");
        sent.acked += report.spans_acked;
        sent.unanswered += report.spans_unanswered;
        sent.loaded_runs += u64::from(report.spans_acked > 0);
        append(&of_run, &since_check);

        // Recovery is interrupted too, once in a while.
        if kill % 4 == 0 {
            stopped.kill9_while_starting(Duration::from_micros(rng.random_range(1_000..60_000))).await;
        }
        configure(&config, kill);
        server = stopped.start().await;
        if kill % KILLS_PER_CHECK == 0 {
            assert_found(&server, &since_check, kill).await;
            append(&since_check, &all);
            std::fs::remove_file(&since_check).unwrap();
        }
    }
    assert!(
        sent.loaded_runs > KILLS * 9 / 10 && sent.unanswered > 0,
        "the kills missed the load: {} runs, {} unanswered",
        sent.loaded_runs,
        sent.unanswered
    );
    assert_found(&server, &all, KILLS).await;
    let stored = counted_spans(&server).await;
    assert!(
        (sent.acked..=sent.acked + sent.unanswered).contains(&stored),
        "{stored} stored, {} acked, {} unanswered",
        sent.acked,
        sent.unanswered
    );
    merged(&server, (sent.acked / SEGMENT_SPANS) as f64 / 2.0).await;
    assert_eq!(server.metric("laneway_store_parts_in_quarantine").await, 0.0);
    let row_groups = row_groups_of_merged(&dir.path().join("data/parts"));
    assert!(row_groups.iter().any(|count| *count > 1), "none was joined: {row_groups:?}");
    assert!(row_groups.contains(&1), "of none the rows were merged: {row_groups:?}");
    // A clean end and start changes nothing either.
    let server = server.restart().await;
    assert_eq!(counted_spans(&server).await, stored);
}

/// Small segments, so that kills also come while parts are written and merged and the log moves on. One start joins parts, the next merges rows.
fn configure(file: &Path, kill: u64) {
    let full = if kill.is_multiple_of(2) { 1 } else { 100 * SEGMENT_SPANS };
    let text = format!(
        "[segment]\nmax_spans = {SEGMENT_SPANS}\n[merge]\nmax_cpu_percent = 100\nfull_group_spans = {full}\n"
    );
    std::fs::write(file, text).unwrap();
}

/// How many row groups each merged part has.
fn row_groups_of_merged(parts: &Path) -> Vec<usize> {
    let names = std::fs::read_dir(parts).unwrap().map(|entry| entry.unwrap().path());
    let merged = names.filter(|path| !path.to_str().unwrap().ends_with("-0"));
    merged
        .map(|path| {
            let text = std::fs::read_to_string(path.join("part.json")).unwrap();
            let (json, _) = text.rsplit_once("\ncrc32c ").unwrap();
            let part: serde_json::Value = serde_json::from_str(json).unwrap();
            part["row_groups"].as_array().unwrap().len()
        })
        .collect()
}

/// Waits until the load has something to lose.
async fn first_acknowledgement(server: &Laneway) {
    while server.metric("laneway_store_accepted_spans_total").await == 0.0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Waits until there are fewer parts than this. On a busy machine merging, which is never urgent, comes late.
async fn merged(server: &Laneway, most: f64) {
    let all = async {
        while server.metric("laneway_store_parts").await >= most {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), all).await.expect("parts are merged");
}

/// Everything of these samples is in the store, once.
async fn assert_found(server: &Laneway, samples: &Path, kill: u64) {
    let flags = format!("--spans 0 --verify --samples {}", samples.display());
    let (complete, found) = load::run(server, "http", &flags).await;
    assert!(complete && found.duplicate == 0, "after kill {kill}: {found:?}");
}

fn append(from: &Path, to: &Path) {
    let mut to = OpenOptions::new().create(true).append(true).open(to).unwrap();
    io::copy(&mut File::open(from).unwrap(), &mut to).unwrap();
}
