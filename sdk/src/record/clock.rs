//! Wall time for spans, from a counter that costs little to read.
//!
//! Where the kernel itself keeps its time by the processor's time stamp counter, so do we: that spares more than half of a
//! clock read. The exporter's thread compares the counter with the system's clocks every second and publishes the comparison;
//! until there is a first one, the system's clock is asked. So it is where there is no such counter; there ticks are the
//! nanoseconds of [`Instant`].

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

#[cfg(test)]
mod tests;

/// How long two readings are apart that tell how fast the counter counts: long against the error of a reading, some 50 ns.
const BASELINE: Duration = Duration::from_millis(20);

/// How far an anchor lies in the past: many times what passes between a thread's reading of the counter and its use.
const MARGIN_TICKS: u64 = 1 << 32;

/// A moment in both times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Moment {
    pub(crate) unix_ns: u64,
    ticks: u64,
    /// What a tick was then.
    scale: u64,
}

pub(crate) struct Clock {
    ticks: Ticks,
    anchor: Published,
    /// The reading from which the next one learns the counter's speed.
    since: std::sync::Mutex<Reading>,
}

/// What one tick after another means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Anchor {
    ticks: u64,
    unix_ns: u64,
    /// Nanoseconds of a tick, in units of 2^-32. Zero while it is unknown.
    scale: u64,
}

#[inline]
fn to_ns(ticks: u64, scale: u64) -> u64 {
    ((u128::from(ticks) * u128::from(scale)) >> 32) as u64
}

/// What a thread knows of the clock: the last comparison that it saw. One that is older than the last is as good for a while.
pub(super) struct Watch {
    version: u32,
    anchor: Anchor,
}

impl Default for Watch {
    /// One that is not set.
    fn default() -> Self {
        Self { version: Published::NEVER, anchor: Anchor { ticks: 0, unix_ns: 0, scale: 0 } }
    }
}

/// The counter and the system's clocks at one moment.
#[derive(Debug, Clone, Copy)]
struct Reading {
    ticks: u64,
    unix_ns: u64,
    instant: Instant,
}

impl Clock {
    pub(crate) fn new() -> Self {
        let ticks = Ticks::detect();
        let reading = ticks.reading();
        let anchor = Anchor { ticks: reading.ticks, unix_ns: reading.unix_ns, scale: 0 };
        Self { ticks, anchor: Published::new(anchor), since: std::sync::Mutex::new(reading) }
    }

    /// Now.
    pub(crate) fn now(&self) -> Moment {
        let mut moment = Moment::default();
        self.read(&mut Watch::default(), &mut moment);
        moment
    }

    /// Writes down what time it is, by the watch of a thread.
    #[inline(always)]
    pub(super) fn read(&self, watch: &mut Watch, moment: &mut Moment) {
        if watch.version != self.anchor.version() {
            return self.read_slowly(watch, moment);
        }
        let (anchor, ticks) = (watch.anchor, time_stamp_counter());
        let unix_ns = anchor.unix_ns.wrapping_add(to_ns(ticks.wrapping_sub(anchor.ticks), anchor.scale));
        *moment = Moment { unix_ns, ticks, scale: anchor.scale };
    }

    /// Sets the watch, when there is something to set it by.
    #[cold]
    fn read_slowly(&self, watch: &mut Watch, moment: &mut Moment) {
        let (version, anchor) = self.anchor.load();
        if anchor.scale == 0 {
            *moment = Moment { unix_ns: unix_ns(), ticks: self.ticks.now(), scale: 0 };
        } else {
            *watch = Watch { version, anchor };
            let ticks = time_stamp_counter();
            let unix_ns = anchor.unix_ns.wrapping_add(to_ns(ticks.wrapping_sub(anchor.ticks), anchor.scale));
            *moment = Moment { unix_ns, ticks, scale: anchor.scale };
        }
    }

    /// The wall time now, as the counter measured it from an earlier moment on: no step of the system's clock makes a span end
    /// before it began.
    #[inline]
    pub(crate) fn unix_ns_since(&self, start: &Moment) -> u64 {
        if start.scale == 0 {
            return self.unix_ns_since_uncompared(start);
        }
        // Centuries in nanoseconds: the sum does not overflow.
        start.unix_ns.wrapping_add(to_ns(time_stamp_counter().saturating_sub(start.ticks), start.scale))
    }

    /// The end of a span that began when there was no comparison with the time stamp counter.
    #[cold]
    fn unix_ns_since_uncompared(&self, start: &Moment) -> u64 {
        match self.ticks {
            Ticks::Monotonic(_) => start.unix_ns.saturating_add(self.ticks.now().saturating_sub(start.ticks)),
            // Its wall time was the system's.
            Ticks::TimeStampCounter => unix_ns().max(start.unix_ns),
        }
    }

    /// Compares the counter with the system's clocks. For one thread, every second.
    pub(crate) fn adjust(&self) {
        let Ok(mut since) = self.since.lock() else { return };
        let now = self.ticks.reading();
        let elapsed = now.instant.saturating_duration_since(since.instant);
        let (_, mut anchor) = self.anchor.load();
        if elapsed >= BASELINE {
            if let Ticks::TimeStampCounter = self.ticks
                && let Some(ticks) = now.ticks.checked_sub(since.ticks).filter(|&ticks| ticks > 0)
            {
                anchor.scale = u64::try_from((elapsed.as_nanos() << 32) / u128::from(ticks)).unwrap_or(0);
            }
            *since = now;
        }
        // The anchor lies a little in the past: a counter that was read before it was taken is not behind it.
        let margin = now.ticks.min(MARGIN_TICKS);
        self.anchor.store(Anchor {
            ticks: now.ticks - margin,
            unix_ns: now.unix_ns.saturating_sub(to_ns(margin, anchor.scale)),
            ..anchor
        });
    }

    /// How long after the start the first adjustment is of use.
    pub(crate) const FIRST_ADJUSTMENT: Duration = BASELINE;
    /// How often to adjust from then on.
    pub(crate) const ADJUSTMENT_INTERVAL: Duration = Duration::from_secs(1);
}

/// Where ticks come from.
#[derive(Debug, Clone, Copy)]
enum Ticks {
    TimeStampCounter,
    Monotonic(Instant),
}

impl Ticks {
    /// Linux measures whether the counters of all processors agree and are steady; when it does not trust them, it keeps its
    /// time by something else.
    fn detect() -> Self {
        let source =
            std::fs::read_to_string("/sys/devices/system/clocksource/clocksource0/current_clocksource");
        if cfg!(target_arch = "x86_64") && source.is_ok_and(|source| source.trim() == "tsc") {
            Self::TimeStampCounter
        } else {
            Self::Monotonic(Instant::now())
        }
    }

    #[inline]
    fn now(self) -> u64 {
        match self {
            Self::TimeStampCounter => time_stamp_counter(),
            Self::Monotonic(base) => base.elapsed().as_nanos() as u64,
        }
    }

    /// Reads all clocks as close to each other as it goes: of several tries, the one that was not interrupted.
    fn reading(self) -> Reading {
        let tries = (0..5).map(|_| {
            let before = self.now();
            let (unix_ns, instant) = (unix_ns(), Instant::now());
            let took = self.now().saturating_sub(before);
            (took, Reading { ticks: before + took / 2, unix_ns, instant })
        });
        let best = tries.min_by_key(|(took, _)| *took);
        best.map_or_else(|| Reading { ticks: 0, unix_ns: 0, instant: Instant::now() }, |(_, reading)| reading)
    }
}

#[inline]
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
fn time_stamp_counter() -> u64 {
    // SAFETY: every x86-64 processor has the instruction; it reads a register.
    unsafe { core::arch::x86_64::_rdtsc() }
}

#[cfg(not(target_arch = "x86_64"))]
fn time_stamp_counter() -> u64 {
    0
}

fn unix_ns() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX)
}

/// An anchor that one thread writes and all read, without a lock: a sequence lock. A reader that meets a writer reads again.
struct Published {
    /// Odd while it is being written.
    version: AtomicU32,
    ticks: AtomicU64,
    unix_ns: AtomicU64,
    scale: AtomicU64,
}

impl Published {
    fn new(anchor: Anchor) -> Self {
        Self {
            version: AtomicU32::new(0),
            ticks: AtomicU64::new(anchor.ticks),
            unix_ns: AtomicU64::new(anchor.unix_ns),
            scale: AtomicU64::new(anchor.scale),
        }
    }

    /// No version that can be read.
    const NEVER: u32 = 1;

    #[inline]
    fn version(&self) -> u32 {
        self.version.load(Ordering::Relaxed)
    }

    /// The anchor, and which version it is.
    fn load(&self) -> (u32, Anchor) {
        loop {
            let version = self.version.load(Ordering::Acquire);
            let anchor = Anchor {
                ticks: self.ticks.load(Ordering::Relaxed),
                unix_ns: self.unix_ns.load(Ordering::Relaxed),
                scale: self.scale.load(Ordering::Relaxed),
            };
            fence(Ordering::Acquire);
            if version & 1 == 0 && self.version.load(Ordering::Relaxed) == version {
                return (version, anchor);
            }
            std::hint::spin_loop();
        }
    }

    /// By one thread at a time.
    fn store(&self, anchor: Anchor) {
        let version = self.version.load(Ordering::Relaxed);
        self.version.store(version.wrapping_add(1), Ordering::Relaxed);
        fence(Ordering::Release);
        self.ticks.store(anchor.ticks, Ordering::Relaxed);
        self.unix_ns.store(anchor.unix_ns, Ordering::Relaxed);
        self.scale.store(anchor.scale, Ordering::Relaxed);
        self.version.store(version.wrapping_add(2), Ordering::Release);
    }
}
