//! The types of option values, and how each is written.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use figment::value::Value;
use jiff::SignedDuration;

/// A type that an option can have.
///
/// Environment variables and flags are strings, so every type can be read from one.
pub trait OptionValue: Sized + PartialOrd {
    /// What a value looks like, for the documentation and for messages.
    const KIND: &'static str;

    /// Reads a value; `None` when it is not of this kind.
    fn from_value(value: &Value) -> Option<Self>;

    /// Writes it as TOML.
    fn to_toml(&self) -> String;
}

impl OptionValue for u64 {
    const KIND: &'static str = "a whole number";

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            // Unsigned numbers beyond the signed ones come as such; all others are signed.
            Value::Num(_, number) => match number.to_i128() {
                Some(number) => number.try_into().ok(),
                None => number.to_u128().and_then(|number| number.try_into().ok()),
            },
            Value::String(_, text) => text.replace('_', "").parse().ok(),
            _ => None,
        }
    }

    fn to_toml(&self) -> String {
        self.to_string()
    }
}

impl OptionValue for bool {
    const KIND: &'static str = "`true` or `false`";

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Bool(_, flag) => Some(*flag),
            Value::String(_, text) => text.parse().ok(),
            _ => None,
        }
    }

    fn to_toml(&self) -> String {
        self.to_string()
    }
}

impl OptionValue for String {
    const KIND: &'static str = "a text";

    fn from_value(value: &Value) -> Option<Self> {
        value.as_str().map(str::to_owned)
    }

    fn to_toml(&self) -> String {
        quoted(self)
    }
}

impl OptionValue for PathBuf {
    const KIND: &'static str = "a path";

    fn from_value(value: &Value) -> Option<Self> {
        value.as_str().filter(|path| !path.is_empty()).map(Self::from)
    }

    fn to_toml(&self) -> String {
        quoted(&self.to_string_lossy())
    }
}

impl OptionValue for SocketAddr {
    const KIND: &'static str = "an IP address or `localhost`, and a port, such as `\"127.0.0.1:4317\"`";

    fn from_value(value: &Value) -> Option<Self> {
        let text = value.as_str()?;
        match text.strip_prefix("localhost:") {
            Some(port) => port.parse().ok().map(|port: u16| Self::from((Ipv4Addr::LOCALHOST, port))),
            None => text.parse().ok(),
        }
    }

    fn to_toml(&self) -> String {
        quoted(&self.to_string())
    }
}

impl OptionValue for Duration {
    const KIND: &'static str = "a duration with its unit, such as `\"250ms\"`, `\"10s\"` or `\"1m 30s\"`";

    fn from_value(value: &Value) -> Option<Self> {
        let text = value.as_str()?;
        text.parse::<SignedDuration>().ok().and_then(|duration| Self::try_from(duration).ok())
    }

    fn to_toml(&self) -> String {
        let duration = SignedDuration::try_from(*self).unwrap_or(SignedDuration::MAX);
        quoted(&format!("{duration:#}"))
    }
}

impl OptionValue for Vec<String> {
    const KIND: &'static str = "a list of strings; in the environment, separated by commas";

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Array(_, items) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
            Value::String(_, text) => Some(
                text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect(),
            ),
            _ => None,
        }
    }

    fn to_toml(&self) -> String {
        format!("[{}]", self.iter().map(|item| quoted(item)).collect::<Vec<_>>().join(", "))
    }
}

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(pub u64);

impl ByteSize {
    const UNITS: [(&'static str, u32); 5] = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10), ("B", 0)];

    /// So many KiB, of 1024 bytes.
    #[must_use]
    pub const fn kibi(count: u64) -> Self {
        Self(count << 10)
    }

    /// So many MiB, of 1024 KiB.
    #[must_use]
    pub const fn mebi(count: u64) -> Self {
        Self(count << 20)
    }

    /// So many GiB, of 1024 MiB.
    #[must_use]
    pub const fn gibi(count: u64) -> Self {
        Self(count << 30)
    }

    /// The number of bytes, as a length in memory.
    #[must_use]
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }

    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let digits = text.find(|c: char| !c.is_ascii_digit() && c != '_').unwrap_or(text.len());
        let (count, unit) = text.split_at(digits);
        let count: u64 = count.replace('_', "").parse().ok()?;
        let unit = unit.trim();
        if unit.is_empty() {
            return Some(Self(count));
        }
        let (_, shift) = Self::UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
        count.checked_mul(1 << shift).map(Self)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |(_, shift): &&(&str, u32)| self.0 != 0 && self.0.is_multiple_of(1 << shift);
        let (unit, shift) = Self::UNITS.iter().find(whole).copied().unwrap_or(("B", 0));
        write!(f, "{} {unit}", self.0 >> shift)
    }
}

impl OptionValue for ByteSize {
    const KIND: &'static str =
        "a size, such as `\"4 MiB\"` (`B`, `KiB`, `MiB`, `GiB`, `TiB`), or a number of bytes";

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Num(..) => u64::from_value(value).map(Self),
            Value::String(_, text) => Self::parse(text),
            _ => None,
        }
    }

    fn to_toml(&self) -> String {
        quoted(&self.to_string())
    }
}

/// When an export is acknowledged: see [`Wal`](super::Wal).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WalSync {
    /// After a sync.
    Always,
    /// After a write; syncs happen at an interval.
    Interval,
    /// After a write; nobody syncs.
    Never,
}

impl OptionValue for WalSync {
    const KIND: &'static str = "`\"always\"`, `\"interval\"` or `\"never\"`";

    fn from_value(value: &Value) -> Option<Self> {
        match value.as_str()? {
            "always" => Some(Self::Always),
            "interval" => Some(Self::Interval),
            "never" => Some(Self::Never),
            _ => None,
        }
    }

    fn to_toml(&self) -> String {
        quoted(match self {
            Self::Always => "always",
            Self::Interval => "interval",
            Self::Never => "never",
        })
    }
}

/// A TOML basic string. JSON's escapes are a subset of TOML's.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
