//! The task that derives figures: it begins passes, stores what they change, and takes over those that other collectors left.

use std::time::Duration;

use tokio::sync::watch;

use super::batches::{self, Pass};
use super::connection::Connection;
use super::ship::Shipped;
use super::{derive, figures};
use crate::QueryError;
use crate::topology::AdmissionLimits;

/// How long to wait when there was nothing to do; a failure doubles it, to a minute.
const PAUSE: Duration = Duration::from_millis(500);
const LAST_PAUSE: Duration = Duration::from_secs(60);

/// Derives figures until it is told to stop.
pub(super) struct Passes {
    pub(super) connection: Connection,
    pub(super) limits: AdmissionLimits,
    pub(super) takeover_after: Duration,
    /// What this collector began, and has not ended.
    pub(super) begun: Option<Pass>,
    pub(super) shipped: watch::Receiver<Shipped>,
    pub(super) stop: watch::Receiver<bool>,
}

impl Passes {
    pub(super) async fn run(mut self) {
        tokio::select! {
            _ = self.shipped.wait_for(|shipped| shipped.is_ready) => {}
            _ = self.stop.wait_for(|stop| *stop) => return,
        }
        let mut pause = PAUSE;
        loop {
            match self.step().await {
                Ok(true) => {
                    pause = PAUSE;
                    if *self.stop.borrow() {
                        return;
                    }
                    continue;
                }
                Ok(false) => pause = PAUSE,
                Err(error) => {
                    tracing::warn!(%error, "figures are behind");
                    pause = (pause * 2).min(LAST_PAUSE);
                }
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = self.stop.wait_for(|stop| *stop) => return,
            }
        }
    }

    /// Does one pass, and those that were left; returns whether there was one to do.
    async fn step(&mut self) -> Result<bool, QueryError> {
        let left = batches::abandoned(&self.connection, self.takeover_after).await?;
        for pass in &left {
            self.derive(pass).await?;
        }
        if self.begun.is_none() {
            self.begun = batches::begin_pass(&self.connection).await?;
        }
        let Some(pass) = &self.begun else { return Ok(!left.is_empty()) };
        // If it fails, the same is tried again.
        self.derive(pass).await?;
        self.begun = None;
        Ok(true)
    }

    async fn derive(&self, pass: &Pass) -> Result<(), QueryError> {
        let totals = derive::figures_of(&self.connection, self.limits, pass).await?;
        let stored = async {
            figures::store(&self.connection, &totals, pass.number).await?;
            batches::end_pass(&self.connection, pass.number).await
        };
        stored.await.map_err(|error| self.connection.query_error(error))
    }
}
