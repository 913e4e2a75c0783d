//! A worker: one connection, one export in flight, until the plan ends or the server stays away.

use std::time::Duration;

use rand::RngExt;
use tokio::time::{Instant, sleep, sleep_until};

use super::connection::Connection;
use super::exporter::{Answer, Exporter};
use super::plan::{Job, Schedule};
use super::report::Totals;
use super::samples::Sampler;

/// The first pause of a back-off; it doubles up to [`MAX_PAUSE`], and half of it is random.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const MAX_PAUSE: Duration = Duration::from_secs(5);
/// For how long an export is tried again when the server asks for it.
const TRY_AGAIN_FOR: Duration = Duration::from_secs(60);

/// What the workers of a run share.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) schedule: Schedule,
    pub(super) exporter: Exporter,
    pub(super) sampler: Sampler,
    pub(super) stop_on_disconnect: bool,
}

impl Run {
    /// Sends exports over one connection until there are no more.
    pub(super) async fn work(&self, connection: Connection) -> Totals {
        let mut totals = Totals::default();
        let mut connection = Some(connection);
        let mut buf = Vec::new();
        while let Some(job) = self.schedule.next() {
            sleep_until(job.due).await;
            if connection.is_none() {
                connection = self.reconnect(&mut totals).await;
            }
            let Some(open) = &mut connection else {
                self.schedule.stop();
                break;
            };
            let (answer, spare) = self.send(&job, open, &mut totals, buf).await;
            buf = spare;
            if let Answer::Lost(lost) = &answer {
                // Not sent again: it may be stored already, and then the server would have to tell them apart.
                totals.last_error = Some(lost.to_string());
                connection = None;
                if self.stop_on_disconnect {
                    self.schedule.stop();
                }
            }
            self.count(&job, &answer, &mut totals);
        }
        totals
    }

    /// Sends one export, and again for as long as the server asks for it.
    async fn send(
        &self,
        job: &Job<'_>,
        connection: &mut Connection,
        totals: &mut Totals,
        buf: Vec<u8>,
    ) -> (Answer, Vec<u8>) {
        let template = job.export.template;
        let write = |buf: &mut Vec<u8>| template.fill(&job.export.ids, job.start_unix_ns, buf);
        let body = match self.exporter.body(buf, write) {
            Ok(body) => body,
            Err(error) => return (Answer::Refused { reason: error.to_string() }, Vec::new()),
        };
        let began = Instant::now();
        let mut backoff = Backoff::default();
        let answer = loop {
            totals.bytes_sent += body.len() as u64;
            match self.exporter.export(connection, body.clone()).await {
                Answer::TryAgain { after, reason } => {
                    let pause = after.unwrap_or_else(|| backoff.next());
                    if began.elapsed() + pause > TRY_AGAIN_FOR {
                        break Answer::Refused { reason };
                    }
                    totals.retries += 1;
                    totals.last_error = Some(reason);
                    sleep(pause).await;
                }
                answer => break answer,
            }
        };
        totals.exported(began.elapsed());
        // The allocation serves the next export, unless the connection still holds on to it.
        (answer, body.try_into_mut().map(Vec::from).unwrap_or_default())
    }

    fn count(&self, job: &Job<'_>, answer: &Answer, totals: &mut Totals) {
        let spans = job.export.places.len() as u64;
        totals.spans_sent += spans;
        match answer {
            Answer::Accepted { rejected_spans: 0 } => {
                totals.spans_acked += spans;
                self.sampler.acknowledged(&job.export);
            }
            Answer::Accepted { rejected_spans } => {
                // Which ones is not said, so none of them is looked for afterwards.
                let rejected = (*rejected_spans).min(spans);
                totals.spans_acked += spans - rejected;
                totals.spans_refused += rejected;
            }
            Answer::Refused { reason } | Answer::TryAgain { reason, .. } => {
                totals.spans_refused += spans;
                totals.last_error = Some(reason.clone());
            }
            Answer::Lost(_) => totals.spans_unanswered += spans,
        }
    }

    /// Connects again; `None` when the server stays away for longer than the timeout.
    async fn reconnect(&self, totals: &mut Totals) -> Option<Connection> {
        let deadline = Instant::now() + self.exporter.timeout;
        let mut backoff = Backoff::default();
        loop {
            match self.exporter.connect().await {
                Ok(connection) => {
                    totals.reconnects += 1;
                    return Some(connection);
                }
                Err(error) if Instant::now() >= deadline => {
                    totals.gave_up = Some(format!("{error:#}"));
                    return None;
                }
                Err(_) => sleep(backoff.next()).await,
            }
        }
    }
}

/// Pauses that double, half of each random, so that many workers do not come back at once.
#[derive(Debug)]
struct Backoff(Duration);

impl Default for Backoff {
    fn default() -> Self {
        Self(FIRST_PAUSE)
    }
}

impl Backoff {
    fn next(&mut self) -> Duration {
        let pause = self.0.mul_f64(rand::rng().random_range(0.5..1.0));
        self.0 = (self.0 * 2).min(MAX_PAUSE);
        pause
    }
}
