//! Lanes: named slices of the environment.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

#[cfg(test)]
mod tests;

/// A lane: a named slice of the environment, or the baseline that every lane falls back to.
///
/// A name matches `[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?`. A value of this type was checked; text from a
/// header or an attribute becomes one only through [`Lane::new`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lane(Name);

// The baseline is by far the most common lane: it costs neither an allocation nor a reference count.
#[derive(Clone)]
enum Name {
    Base,
    Named(Arc<str>),
}

/// The text is not a lane name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a lane name is 1 to 64 of a-z, 0-9, '.', '_', '-', beginning and ending with a letter or digit")]
pub struct InvalidLane;

impl Lane {
    /// The name of the baseline.
    pub const BASE: &'static str = "base";
    /// The span attribute that carries the request lane, and the W3C baggage member that does.
    pub const KEY: &'static str = "lane";
    /// The resource attribute that carries the lane which an instance serves.
    pub const RESOURCE_KEY: &'static str = "service.lane";
    /// The longest name, in bytes.
    pub const MAX_LEN: usize = 64;

    /// The lane of this name.
    ///
    /// # Errors
    /// When the text is not a lane name.
    pub fn new(name: &str) -> Result<Self, InvalidLane> {
        if name == Self::BASE {
            Ok(Self::base())
        } else if Self::is_name(name.as_bytes()) {
            Ok(Self(Name::Named(name.into())))
        } else {
            Err(InvalidLane)
        }
    }

    /// Whether these bytes are the name of a lane.
    pub fn is_name(bytes: &[u8]) -> bool {
        let edge = |c: &u8| c.is_ascii_lowercase() || c.is_ascii_digit();
        let inner = |c: &u8| edge(c) || matches!(c, b'.' | b'_' | b'-');
        bytes.len() <= Self::MAX_LEN
            && bytes.iter().all(inner)
            && bytes.first().is_some_and(edge)
            && bytes.last().is_some_and(edge)
    }

    /// The baseline: the complete environment that every lane falls back to.
    pub const fn base() -> Self {
        Self(Name::Base)
    }

    /// Whether this is the baseline.
    pub const fn is_base(&self) -> bool {
        matches!(self.0, Name::Base)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl Name {
    fn as_str(&self) -> &str {
        match self {
            Self::Base => Lane::BASE,
            Self::Named(name) => name,
        }
    }
}

// Equality, order and hash are those of the name, so that a map of lanes can be asked with a `&str`.
impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Name {}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl std::hash::Hash for Name {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl Borrow<str> for Lane {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl Default for Lane {
    fn default() -> Self {
        Self::base()
    }
}

impl FromStr for Lane {
    type Err = InvalidLane;

    fn from_str(name: &str) -> Result<Self, InvalidLane> {
        Self::new(name)
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lane({self})")
    }
}
