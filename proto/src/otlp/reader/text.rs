//! Text that has not been checked.

use std::fmt;

use super::error::{Path, ReadError, ReadErrorKind};

/// The bytes of a `string` field, not yet known to be UTF-8.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Text<'a>(&'a [u8]);

impl<'a> Text<'a> {
    #[inline(always)]
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[inline]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// Whether there are none, which is also how an absent field reads.
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The text.
    ///
    /// # Errors
    /// When it is not UTF-8. The error does not know which field it was: [`TracesRequest::validate`]
    /// tells.
    ///
    /// [`TracesRequest::validate`]: super::TracesRequest::validate
    #[inline]
    pub fn to_str(self) -> Result<&'a str, ReadError> {
        std::str::from_utf8(self.0)
            .map_err(|error| ReadError::new(ReadErrorKind::Utf8, &self.0[error.valid_up_to()..]))
    }

    /// Checks that it is UTF-8: the same as [`to_str`](Self::to_str), and faster where nobody wants the text.
    ///
    /// # Errors
    /// As those of [`to_str`](Self::to_str).
    #[inline]
    pub fn validate(self) -> Result<(), ReadError> {
        // Most text is ASCII, which is found out faster than UTF-8.
        if self.0.is_ascii() { Ok(()) } else { self.to_str().map(drop) }
    }

    /// Checks the text of this field.
    #[inline]
    pub(super) fn check(self, path: Path, field: u32) -> Result<(), ReadError> {
        self.validate().map_err(|error| error.within(path, field))
    }
}

impl PartialEq<str> for Text<'_> {
    fn eq(&self, other: &str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl PartialEq<&str> for Text<'_> {
    fn eq(&self, other: &&str) -> bool {
        self == *other
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&String::from_utf8_lossy(self.0), f)
    }
}
