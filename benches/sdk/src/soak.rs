//! Does it hold: many threads, for long.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use laneway::{Context, Lane, span};

const THREADS: usize = 8;
/// Spans of one burst, half of which end on the next thread.
const BURST: usize = 200;
/// Between bursts, so that the exporter is not what is measured.
const PAUSE: Duration = Duration::from_millis(2);

/// How much memory may vary: as much as may wait in the queue, and two requests. At this rate a leak of a byte for each span is more
/// in a minute.
const SLACK_KIB: u64 = 24 * 1024;

/// Says how it went.
pub(crate) fn run(duration: Duration) -> anyhow::Result<String> {
    let received = Arc::new(AtomicU64::new(0));
    let count = received.clone();
    let (_, guard) = laneway::builder()
        .deliver(move |request| {
            count.fetch_add(u64::try_from(request.len()).unwrap_or(u64::MAX), Ordering::Relaxed);
        })
        .build_subscriber()?;
    ensure!(guard.make_default(), "there is another SDK");

    let until = Instant::now() + duration;
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..THREADS).map(|_| mpsc::channel()).unzip();
    let threads: Vec<_> = receivers
        .into_iter()
        .enumerate()
        .map(|(i, receiver)| {
            let next = senders[(i + 1) % THREADS].clone();
            std::thread::spawn(move || work(until, &receiver, &next))
        })
        .collect();
    drop(senders);

    // Memory when everything has been in use for a while, and in the end.
    std::thread::sleep(duration / 4);
    let early = resident_kib()?;
    std::thread::sleep(
        until.saturating_duration_since(Instant::now()).saturating_sub(Duration::from_millis(200)),
    );
    let late = resident_kib()?;

    let mut opened = 0;
    for thread in threads {
        opened += thread.join().map_err(|_| anyhow::anyhow!("a thread panicked"))?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let stats = runtime.block_on(guard.shutdown());
    let accounted = stats.exported + stats.dropped + stats.failed;
    ensure!(accounted == opened, "{opened} spans were opened, {accounted} are accounted for: {stats:?}");
    ensure!(late <= early + SLACK_KIB, "memory grew from {early} KiB to {late} KiB");
    let bytes = received.load(Ordering::Relaxed);
    Ok(format!(
        "{opened} spans, {} dropped, {bytes} bytes, {early} KiB resident, later {late} KiB",
        stats.dropped
    ))
}

/// Opens spans, and ends those of another thread.
fn work(until: Instant, receiver: &mpsc::Receiver<laneway::Span>, next: &mpsc::Sender<laneway::Span>) -> u64 {
    let lane = Lane::new("soak").unwrap_or_default();
    let request = Context::default().with_lane(lane);
    let mut opened = 0;
    while Instant::now() < until {
        request.in_scope(|| {
            let _root = span!("burst", size = BURST).entered();
            for i in 0..BURST {
                let span = span!("work", i, text = "some text that is not short");
                if i % 2 == 0 {
                    // The other thread may have ended.
                    drop(next.send(span));
                }
            }
        });
        opened += 1 + BURST as u64;
        receiver.try_iter().for_each(drop);
        std::thread::sleep(PAUSE);
    }
    opened
}

fn resident_kib() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
