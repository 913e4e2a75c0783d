//! What a process tells those that it calls: itself, and the operation that it is working on.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use laneway_proto::caller;

use crate::propagation::Identity;

/// Operations that are told apart. Names of spans are of low cardinality; where they are not, the rest goes without.
const MAX_OPERATIONS: usize = 1024;
/// Operations that a thread has at hand.
const CACHED: usize = 16;

/// An operation of this process, as those that it calls are told of it.
///
/// It is a part of every context below its entry, and those are copied with every span: a count of references would be what all
/// requests of an operation contend for. So it is never freed, and there is a bound on how many there are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) operation: Box<str>,
    pub(crate) encoded: caller::Origin,
}

/// The operations of an SDK.
#[derive(Debug)]
pub(crate) struct Origins {
    identity: Identity,
    known: Mutex<HashMap<&'static str, &'static Origin>>,
}

impl Origins {
    pub(crate) fn new(identity: Identity) -> Self {
        Self { identity, known: Mutex::default() }
    }

    /// The origin of calls from this operation; `None` for a service that cannot be named.
    #[cold]
    fn of(&self, operation: &str) -> Option<&'static Origin> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(origin) = known.get(operation) {
            return Some(origin);
        }
        // One beyond the bound has none, and shares the origin of that name.
        let operation = if known.len() < MAX_OPERATIONS { operation } else { "" };
        if let Some(origin) = known.get(operation) {
            return Some(origin);
        }
        let Identity { service, instance, lane } = &self.identity;
        let encoded = caller::Origin::new(service, instance, operation, lane)?;
        let origin: &'static Origin = Box::leak(Box::new(Origin { operation: operation.into(), encoded }));
        known.insert(&origin.operation, origin);
        Some(origin)
    }
}

/// The operations that a thread met last: an entry looks here first, and locks nothing.
#[derive(Debug, Default)]
pub(super) struct RecentOrigins([Option<&'static Origin>; CACHED]);

impl RecentOrigins {
    #[inline]
    pub(super) fn of(&mut self, operation: &str, origins: &Origins) -> Option<&'static Origin> {
        let slot = &mut self.0[slot(operation)];
        match slot {
            Some(origin) if *origin.operation == *operation => *slot,
            _ => {
                *slot = origins.of(operation);
                *slot
            }
        }
    }
}

/// Names differ most in their length and at their end.
#[inline]
fn slot(operation: &str) -> usize {
    let last = operation.as_bytes().last().copied().unwrap_or_default();
    (operation.len() ^ usize::from(last)) % CACHED
}
