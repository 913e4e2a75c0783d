//! What a thread has of its own: the stack of what is entered, and what recording needs.

mod own;
mod stack;

use std::sync::Arc;

use super::Context;
use crate::record::{Local, Recording};

pub(crate) use own::{is_shared, is_there, shared, with, with_ready};
pub(crate) use stack::{Entry, GuardKey, Key, Place, Stack};

pub(crate) struct Thread {
    pub(crate) stack: Stack,
    pub(crate) local: Local,
}

/// A span that was opened. Small, as it is moved about.
pub(crate) enum Opened {
    /// It is recorded, here.
    Recorded(Box<Recording>),
    /// It is not recorded: not sampled, or there is no SDK. Nor are the spans below it, which share its context: nobody will
    /// tell them apart.
    Shared(Arc<Context>),
    /// Nor is there any context.
    Nothing,
}

impl From<Box<Recording>> for Opened {
    #[inline]
    fn from(recording: Box<Recording>) -> Self {
        Self::Recorded(recording)
    }
}

impl Opened {
    /// Carries a context without recording anything.
    #[cold]
    pub(crate) fn carrier(context: &Context) -> Self {
        if context.is_empty() { Self::Nothing } else { Self::Shared(Arc::new(context.clone())) }
    }

    #[inline]
    pub(crate) fn context(&self) -> &Context {
        match self {
            Self::Recorded(recording) => recording.context(),
            Self::Shared(context) => context,
            Self::Nothing => &Context::EMPTY,
        }
    }

    #[inline]
    pub(crate) fn recording_mut(&mut self) -> Option<&mut Recording> {
        match self {
            Self::Recorded(recording) => Some(recording),
            _ => None,
        }
    }

    /// Takes the recording out; the context stays.
    #[cfg(any(test, feature = "http", feature = "reqwest"))]
    pub(crate) fn take_recording(&mut self) -> Option<Box<Recording>> {
        let rest = match self {
            Self::Recorded(recording) => Self::Shared(Arc::new(recording.context().clone())),
            _ => return None,
        };
        match std::mem::replace(self, rest) {
            Self::Recorded(recording) => Some(recording),
            _ => None,
        }
    }

    #[inline]
    pub(crate) fn into_place(self) -> Place {
        match self {
            Self::Recorded(recording) => Place::Recorded(recording),
            Self::Shared(context) => Place::Plain(Context::clone(&context)),
            Self::Nothing => Place::Plain(Context::EMPTY),
        }
    }
}

impl Thread {
    /// The innermost context; the empty one where nothing is entered.
    pub(crate) fn current(&self) -> Context {
        let innermost = self.stack.entries().find_map(|entry| match &entry.place {
            Place::Recorded(recording) => Some(recording.context().clone()),
            Place::Shared(context) => Some(Context::clone(context)),
            Place::Plain(context) => Some(context.clone()),
            Place::Traced => self.local.core(entry.key.recorder)?.spans.context_of(entry.key.id),
        });
        innermost.unwrap_or_default()
    }
}
