//! Killed at any instant, nothing acknowledged is lost, and a restart counts nothing twice.

use std::time::Duration;

use laneway_e2e::{Laneway, load};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tempfile::TempDir;

use crate::load::counted_spans;

const KILLS: u64 = 20;
const SEED: u64 = 20_260_915;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_before_a_kill_is_there_exactly_once() {
    let dir = TempDir::new().unwrap();
    // Small segments, so that kills also come while parts are written and merged and the log moves on.
    let config = dir.path().join("laneway.toml");
    std::fs::write(&config, "[segment]\nmax_spans = 1500\n[merge]\nmax_cpu_percent = 100\n").unwrap();
    let data_dir = dir.path().join("data");
    let mut rng = StdRng::seed_from_u64(SEED);
    let mut server = Laneway::start(&data_dir, &["--config", config.to_str().unwrap()]).await;
    let (mut acked, mut unanswered) = (0, 0);
    for kill in 0..KILLS {
        let samples = dir.path().join(format!("samples-{kill}"));
        let samples = format!("--sample-traces 1000000 --samples {}", samples.display());
        let protocol = if kill % 2 == 0 { "grpc" } else { "http" };
        let after = Duration::from_micros(rng.random_range(300_000..1_200_000));
        let flags =
            format!("--spans 1000000 --rate 12000 --batch 250 --seed {kill} --stop-on-disconnect {samples}");
        let loading = load::command(&server, protocol, &flags).spawn().unwrap();
        tokio::time::sleep(after).await;
        let stopped = server.kill9().await;
        let (_, report) = load::report(&loading.wait_with_output().await.unwrap());
        assert_eq!(report.spans_refused, 0, "kill {kill} after {after:?}: {report:?}");
        acked += report.spans_acked;
        unanswered += report.spans_unanswered;

        server = stopped.start().await;
        let (complete, found) = load::run(&server, protocol, &format!("--spans 0 --verify {samples}")).await;
        assert!(complete && found.duplicate == 0, "kill {kill} after {after:?}: {report:?} {found:?}");
    }
    assert!(
        acked > 20_000 && unanswered > 0,
        "the kills missed the load: {acked} acked, {unanswered} unanswered"
    );
    let stored = counted_spans(&server).await;
    assert!(
        (acked..=acked + unanswered).contains(&stored),
        "{stored} stored, {acked} acked, {unanswered} unanswered"
    );
    assert!(
        server.metric("laneway_store_parts").await < f64::from(u32::try_from(acked).unwrap()) / 1500.0,
        "nothing was merged"
    );
    // A clean end and start changes nothing either.
    let server = server.restart().await;
    assert_eq!(counted_spans(&server).await, stored);
}
