//! As the SDK's module of this name, with loom's types.

use loom::cell::UnsafeCell;
pub(crate) use loom::sync::atomic::{AtomicU64, Ordering};
pub(crate) use loom::sync::{Arc, Mutex};

/// Bytes that two threads use: loom watches each of them.
pub(crate) struct Shared(Vec<UnsafeCell<u8>>);

// SAFETY: as in the SDK; here loom checks it.
#[allow(unsafe_code)]
unsafe impl Sync for Shared {}

impl Shared {
    pub(crate) fn new(len: usize) -> Self {
        Self((0..len).map(|_| UnsafeCell::new(0)).collect())
    }

    #[allow(unsafe_code)]
    pub(crate) unsafe fn write<const H: usize, const N: usize>(
        &self,
        at: usize,
        head: &[u8; H],
        pieces: [&[u8]; N],
    ) {
        for (cell, byte) in self.0[at..].iter().zip(head.iter().chain(pieces.into_iter().flatten())) {
            // SAFETY: the caller promises that no other thread uses the byte; loom fails the test when one does.
            cell.with_mut(|cell| unsafe { *cell = *byte });
        }
    }

    #[allow(unsafe_code)]
    pub(crate) unsafe fn read(&self, at: usize, len: usize, out: &mut Vec<u8>) {
        // SAFETY: the caller promises that no other thread writes the byte; loom fails the test when one does.
        out.extend(self.0[at..at + len].iter().map(|cell| cell.with(|cell| unsafe { *cell })));
    }
}

/// A value that two threads use: loom watches it.
pub(crate) struct Guarded<T>(UnsafeCell<T>);

// SAFETY: as in the SDK; here loom checks it.
#[allow(unsafe_code)]
unsafe impl<T: Send> Sync for Guarded<T> {}

impl<T> Guarded<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// Loom fails the test when what another thread did with the value did not happen before.
    pub(crate) fn get(&self) -> *mut T {
        self.0.with_mut(|value| value)
    }
}

/// Loom runs others only where it is told that they must go on.
pub(crate) fn wait(_turns: &mut u32) {
    loom::thread::yield_now();
}
