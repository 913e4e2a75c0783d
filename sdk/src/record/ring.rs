//! Finished spans on their way from one thread to the exporter: a bounded ring of bytes, without locks for the thread.
//!
//! The thread copies a span in and moves `head`; whoever collects copies out and moves `tail`. Neither waits for the other:
//! a full ring says so.

use std::sync::Arc;

use super::sync::{AtomicBool, AtomicUsize, Mutex, Ordering, Shared};

/// The collecting end.
pub(crate) struct Ring {
    bytes: Shared,
    /// How many bytes were ever put in. Written by the producer alone.
    head: OwnLine<AtomicUsize>,
    /// How many bytes were ever taken out. Written under `collecting` alone.
    tail: OwnLine<AtomicUsize>,
    collecting: Mutex<()>,
    is_abandoned: AtomicBool,
    capacity: usize,
}

/// The two ends write their counters all the time: on one cache line they would slow each other down.
#[repr(align(64))]
struct OwnLine<T>(T);

/// The end of the thread: there is one for each ring, and it is not cloned.
pub(crate) struct Producer {
    ring: Arc<Ring>,
    head: usize,
    /// What `tail` was when it was last looked at: it has only grown since.
    tail: usize,
}

impl Ring {
    /// A ring for `capacity` bytes, a power of two.
    pub(crate) fn with_capacity(capacity: usize) -> Producer {
        assert!(capacity.is_power_of_two(), "positions are masked");
        let ring = Self {
            bytes: Shared::new(capacity),
            head: OwnLine(AtomicUsize::new(0)),
            tail: OwnLine(AtomicUsize::new(0)),
            collecting: Mutex::new(()),
            is_abandoned: AtomicBool::new(false),
            capacity,
        };
        Producer { ring: Arc::new(ring), head: 0, tail: 0 }
    }

    /// Moves everything that is in the ring to the end of `out`.
    #[allow(unsafe_code)]
    pub(crate) fn collect(&self, out: &mut Vec<u8>) {
        // Nothing panics under the lock.
        let Ok(_collecting) = self.collecting.lock() else { return };
        let tail = self.tail.0.load(Ordering::Relaxed);
        // Acquire: the bytes before `head` were written before it.
        let len = self.head.0.load(Ordering::Acquire).wrapping_sub(tail);
        let (at, first) = self.split(tail, len);
        // SAFETY: both ranges are within the ring, for `len` is at most the capacity. The producer does not write between tail
        // and head before it has seen a later tail, and no other thread collects, for the lock is held.
        unsafe {
            self.bytes.read(at, first, out);
            self.bytes.read(0, len - first, out);
        }
        // Release: the bytes were read before the producer may write over them.
        self.tail.0.store(tail.wrapping_add(len), Ordering::Release);
    }

    /// The thread is gone: nothing comes in any more, but something may be left.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.is_abandoned.load(Ordering::Acquire)
    }

    /// Where a range begins in the ring, and how much of it lies before the ring's end.
    fn split(&self, position: usize, len: usize) -> (usize, usize) {
        let at = position & (self.capacity - 1);
        (at, len.min(self.capacity - at))
    }
}

impl Producer {
    /// Puts a record in; false when there is no room for all of it.
    #[inline]
    #[allow(unsafe_code)]
    pub(crate) fn push(&mut self, record: &[u8]) -> bool {
        let ring = &*self.ring;
        if record.len() > ring.capacity - self.head.wrapping_sub(self.tail) {
            // Acquire: what was there has been read.
            self.tail = ring.tail.0.load(Ordering::Acquire);
            if record.len() > ring.capacity - self.head.wrapping_sub(self.tail) {
                return false;
            }
        }
        let (at, first) = ring.split(self.head, record.len());
        // SAFETY: both ranges are within the ring. They lie outside of tail..head, where alone the other end reads, and this is
        // the only producer, for it is not cloned and is borrowed mutably.
        unsafe {
            ring.bytes.write(at, &record[..first]);
            if first < record.len() {
                ring.bytes.write(0, &record[first..]);
            }
        }
        self.head = self.head.wrapping_add(record.len());
        // Release: the bytes are there before the position says so.
        ring.head.0.store(self.head, Ordering::Release);
        true
    }

    /// The other end.
    pub(crate) fn ring(&self) -> &Arc<Ring> {
        &self.ring
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        self.ring.is_abandoned.store(true, Ordering::Release);
    }
}
