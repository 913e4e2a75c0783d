//! How long spans are kept, and what room there is for them.

use std::time::Duration;

/// How long spans are kept. The embedded store removes parts as a whole, when their newest span is to go.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RetentionOptions {
    /// Spans that started longer ago are removed. Default: none are.
    pub max_age: Option<Duration>,
    /// Figures of parts that were removed are kept until they are so old. Default: for ever.
    pub figures_max_age: Option<Duration>,
    /// The oldest parts are removed while all take more bytes. Default: they are not.
    pub max_bytes: Option<u64>,
    /// The oldest parts are removed while the file system has fewer bytes free. The newest part stays. Default: 0.
    pub min_free_bytes: u64,
    /// The same, in percent of the file system's size. Default: 0.
    pub min_free_percent: u32,
}

impl RetentionOptions {
    /// How many bytes are to stay free on a file system of this size: the greater of what the options say in bytes and in percent.
    pub fn free_bytes(&self, total_bytes: u64) -> u64 {
        let percent = u128::from(total_bytes) * u128::from(self.min_free_percent) / 100;
        self.min_free_bytes.max(u64::try_from(percent).unwrap_or(u64::MAX))
    }
}

/// Room on a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// What this process may still write.
    pub free_bytes: u64,
    /// All of it.
    pub total_bytes: u64,
}

/// How long a store keeps spans, and what it keeps at present.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Retention {
    /// By which rules spans go.
    pub options: RetentionOptions,
    /// The earliest start of a stored span, in nanoseconds since the Unix epoch, as its sender's clock had it; `None` where nothing
    /// is stored or the store does not know.
    pub oldest_unix_ns: Option<u64>,
    /// The file system that spans are stored on; `None` where that is another machine's, or could not be asked.
    pub space: Option<Space>,
}
