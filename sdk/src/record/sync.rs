//! What segments, slots and the depot synchronise with. Their model tests (`sdk/loom`) put loom's types in the place of these.

pub(crate) use std::sync::atomic::{AtomicU64, Ordering};
pub(crate) use std::sync::{Arc, Mutex};

use std::cell::UnsafeCell;

use super::room::{copy, copy_long};

/// Bytes that two threads use, each its own part of them.
pub(crate) struct Shared(Box<[UnsafeCell<u8>]>);

// SAFETY: every access goes through the two unsafe functions below, whose callers promise that no byte is written while
// another thread reads or writes it.
#[allow(unsafe_code)]
unsafe impl Sync for Shared {}

impl Shared {
    /// Zeros.
    pub(crate) fn new(len: usize) -> Self {
        Self((0..len).map(|_| UnsafeCell::new(0)).collect())
    }

    /// Copies a head, whose length the compiler knows, and the pieces to `at`, one behind the other.
    ///
    /// # Safety
    /// The range is within the bytes, and no other thread reads or writes it meanwhile.
    #[inline(always)]
    #[allow(unsafe_code)]
    pub(crate) unsafe fn write<const H: usize, const N: usize>(
        &self,
        at: usize,
        head: &[u8; H],
        pieces: [&[u8]; N],
    ) {
        debug_assert!(at + H + pieces.iter().map(|piece| piece.len()).sum::<usize>() <= self.0.len());
        // SAFETY: the caller promises that the range is in bounds and not used by others; the pieces are borrowed and so cannot
        // overlap with cells that are only reachable here. An `UnsafeCell<u8>` has the layout of its `u8`.
        unsafe {
            let mut to = UnsafeCell::raw_get(self.0.as_ptr().add(at));
            std::ptr::copy_nonoverlapping(head.as_ptr(), to, H);
            to = to.add(H);
            for (i, piece) in pieces.into_iter().enumerate() {
                // The last one is what a span has of its own.
                if i + 1 == N {
                    copy_long(piece, to)
                } else {
                    copy(piece, to)
                }
                to = to.add(piece.len());
            }
        }
    }

    /// Appends `len` bytes from `at` to `out`.
    ///
    /// # Safety
    /// The range is within the bytes, and no other thread writes it meanwhile.
    #[allow(unsafe_code)]
    pub(crate) unsafe fn read(&self, at: usize, len: usize, out: &mut Vec<u8>) {
        debug_assert!(at + len <= self.0.len());
        // SAFETY: the caller promises that the range is in bounds and that nobody writes it while the slice lives, which is for
        // this copy.
        let bytes = unsafe { std::slice::from_raw_parts(UnsafeCell::raw_get(self.0.as_ptr().add(at)), len) };
        out.extend_from_slice(bytes);
    }
}

/// A value that is used by one thread at a time, which something else sees to.
pub(crate) struct Guarded<T>(UnsafeCell<T>);

// SAFETY: it gives out no reference; whoever makes one of its pointer sees to it that it is the only one. So the value is passed
// between threads, and never shared.
#[allow(unsafe_code)]
unsafe impl<T: Send> Sync for Guarded<T> {}

impl<T> Guarded<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// Where the value is. It is not null.
    #[inline(always)]
    pub(crate) const fn get(&self) -> *mut T {
        self.0.get()
    }
}

/// Lets others go on, whom this thread waits for; who waits for longer lets them have the processor.
pub(crate) fn wait(turns: &mut u32) {
    const SPINS: u32 = 6;
    if *turns < SPINS {
        (0..1 << *turns).for_each(|_| std::hint::spin_loop());
        *turns += 1;
    } else {
        std::thread::yield_now();
    }
}
