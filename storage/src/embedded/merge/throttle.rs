//! Merging takes a share of one core.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// Measures the CPU time of the thread that made it.
pub(super) struct Throttle {
    percent: u32,
    began: Instant,
    cpu_at_begin: Duration,
}

impl Throttle {
    /// At most so many percent of one core from now on.
    pub(super) fn new(percent: u32) -> Self {
        Self { percent: percent.clamp(1, 100), began: Instant::now(), cpu_at_begin: thread_cpu_time() }
    }

    /// CPU time that was spent since.
    pub(super) fn spent(&self) -> Duration {
        thread_cpu_time().saturating_sub(self.cpu_at_begin)
    }

    /// How long to rest before going on.
    pub(super) fn rest(&self) -> Duration {
        pause(self.percent, self.spent(), self.began.elapsed())
    }
}

fn pause(percent: u32, spent: Duration, elapsed: Duration) -> Duration {
    (spent * 100 / percent).saturating_sub(elapsed)
}

fn thread_cpu_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_until_the_share_is_kept() {
        let ms = Duration::from_millis;
        assert_eq!(pause(50, ms(100), ms(100)), ms(100));
        assert_eq!(pause(50, ms(100), ms(500)), ms(0));
        assert_eq!(pause(10, ms(100), ms(150)), ms(850));
        assert_eq!(pause(100, ms(100), ms(100)), ms(0));
    }

    #[test]
    fn work_of_this_thread_is_measured() {
        let throttle = Throttle::new(50);
        while throttle.spent() < Duration::from_millis(2) {
            std::hint::black_box(0);
        }
        assert!(throttle.began.elapsed() >= Duration::from_millis(2));
    }
}
