//! The tasks that the collector consists of, and whether each is alive.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// A worker that ended before it was told to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("worker {0} has died")]
pub struct DeadWorker(pub &'static str);

/// A set of workers. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Workers {
    states: Arc<Mutex<BTreeMap<&'static str, watch::Receiver<State>>>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Running,
    Ended,
    Died,
}

impl Workers {
    /// Starts a worker. When it ends, or panics, before `stop`, it counts as dead from then on.
    pub fn spawn(
        &self,
        name: &'static str,
        stop: CancellationToken,
        work: impl Future<Output = ()> + Send + 'static,
    ) {
        let (report, state) = watch::channel(State::Running);
        self.states.lock().insert(name, state);
        tokio::spawn(async move {
            let ended = tokio::spawn(work).await;
            let died = ended.is_err() || !stop.is_cancelled();
            if died {
                tracing::error!(worker = name, "a worker has died; the collector is not ready any more");
            }
            report.send_replace(if died { State::Died } else { State::Ended });
        });
    }

    /// Whether every worker is alive, or ended as it was told.
    ///
    /// # Errors
    /// With one that died.
    pub fn alive(&self) -> Result<(), DeadWorker> {
        let states = self.states.lock();
        let dead = states.iter().find(|(_, state)| *state.borrow() == State::Died);
        dead.map_or(Ok(()), |(name, _)| Err(DeadWorker(name)))
    }

    /// Waits until these have ended, in whichever way.
    pub async fn wait_for(&self, names: &[&str]) {
        let states: Vec<_> = {
            let states = self.states.lock();
            names.iter().filter_map(|name| states.get(name).cloned()).collect()
        };
        for mut state in states {
            // An error means that the runtime is going down, and the worker with it.
            let _ = state.wait_for(|state| *state != State::Running).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_worker_that_panics_is_dead() {
        let workers = Workers::default();
        workers.spawn("steady", CancellationToken::new(), std::future::pending());
        workers.spawn("shaky", CancellationToken::new(), async { panic!("as planned") });
        workers.wait_for(&["shaky"]).await;
        assert_eq!(workers.alive(), Err(DeadWorker("shaky")));
    }

    #[tokio::test]
    async fn a_worker_that_returns_too_early_is_dead() {
        let workers = Workers::default();
        workers.spawn("hasty", CancellationToken::new(), async {});
        workers.wait_for(&["hasty"]).await;
        assert_eq!(workers.alive(), Err(DeadWorker("hasty")));
    }

    #[tokio::test]
    async fn a_worker_that_ends_as_told_is_not_dead() {
        let (workers, stop) = (Workers::default(), CancellationToken::new());
        let stopped = stop.clone();
        workers.spawn("obedient", stop.clone(), async move { stopped.cancelled().await });
        assert_eq!(workers.alive(), Ok(()));
        stop.cancel();
        workers.wait_for(&["obedient"]).await;
        assert_eq!(workers.alive(), Ok(()));
    }
}
