//! Things that go wrong on purpose, at a known rate.

use std::sync::{Arc, Mutex, PoisonError};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// The dice of one instance. The same seed gives the same sequence of throws.
#[derive(Debug, Clone)]
pub(crate) struct Faults(Option<Arc<Mutex<StdRng>>>);

impl Faults {
    pub(crate) fn seeded(seed: u64) -> Self {
        Self(Some(Arc::new(Mutex::new(StdRng::seed_from_u64(seed)))))
    }

    /// Nothing ever goes wrong.
    pub(crate) const fn none() -> Self {
        Self(None)
    }

    /// Whether it goes wrong this time.
    pub(crate) fn strike(&self, percent: u32) -> bool {
        self.0.as_ref().is_some_and(|dice| {
            dice.lock().unwrap_or_else(PoisonError::into_inner).random_ratio(percent.min(100), 100)
        })
    }
}
