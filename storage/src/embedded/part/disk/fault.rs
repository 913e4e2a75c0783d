//! Calls that fail.

use std::io;
use std::sync::Arc;

use parking_lot::Mutex;

/// Remembers calls, and has one of them fail.
#[derive(Debug, Clone, Default)]
pub(in super::super::super) struct Faults(Arc<Mutex<Plan>>);

#[derive(Debug, Default)]
struct Plan {
    calls: Vec<&'static str>,
    fails: Option<(usize, i32)>,
}

impl Faults {
    /// Has the call that is the `nth` from now, counted from 0, fail once, with this error of the operating system.
    pub(in super::super::super) fn fail(&self, nth: usize, errno: i32) {
        *self.0.lock() = Plan { calls: Vec::new(), fails: Some((nth, errno)) };
    }

    /// The calls since the last [`Faults::fail`].
    pub(in super::super::super) fn calls(&self) -> Vec<&'static str> {
        self.0.lock().calls.clone()
    }

    /// Which call has failed.
    pub(in super::super::super) fn failed(&self) -> Option<&'static str> {
        let plan = self.0.lock();
        plan.calls.get(plan.fails?.0).copied()
    }

    pub(super) fn attempt(&self, call: &'static str) -> io::Result<()> {
        let mut plan = self.0.lock();
        let number = plan.calls.len();
        plan.calls.push(call);
        match plan.fails {
            Some((nth, errno)) if nth == number => Err(io::Error::from_raw_os_error(errno)),
            _ => Ok(()),
        }
    }
}
