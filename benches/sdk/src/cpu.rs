//! CPU time of a process.

use rustix::time::{ClockId, clock_gettime};

use crate::subject::{Input, Subject, run};

/// Rounds, of which the best counts: what disturbs a measurement only ever adds to it.
const ROUNDS: usize = 9;
/// Traces of a round, in portions between which everything is sent, so that no queue overflows.
const PORTIONS: usize = 50;
const TRACES: usize = 400;

/// CPU time of all threads for one span, in nanoseconds.
pub(crate) fn ns_per_span(subject: &dyn Subject) -> anyhow::Result<f64> {
    let input = Input::default();
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let before = process_ns();
        let mut spans = 0;
        for _ in 0..PORTIONS {
            spans += run(subject, &input, TRACES);
            subject.settle();
        }
        best = best.min((process_ns() - before) as f64 / spans as f64);
    }
    anyhow::ensure!(best.is_finite(), "nothing was measured");
    Ok(best)
}

fn process_ns() -> i64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}
