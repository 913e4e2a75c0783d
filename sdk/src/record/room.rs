//! Writing to the end of a buffer that was grown beforehand.

/// Room at the end of a buffer, which is filled from front to back.
///
/// An attribute is written in half a dozen pieces of a few bytes. Appended to the vector each would ask anew whether the vector
/// must grow, which costs more than the bytes.
pub(crate) struct Room<'a> {
    buf: &'a mut Vec<u8>,
    /// Where the next byte goes.
    at: *mut u8,
    /// How many bytes may still be written.
    left: usize,
    /// How long the buffer is when all of it is written.
    len: usize,
}

impl<'a> Room<'a> {
    /// Grows the buffer so that `len` bytes more have room.
    #[inline]
    #[allow(unsafe_code)]
    pub(super) fn reserve(buf: &'a mut Vec<u8>, len: usize) -> Self {
        buf.reserve(len);
        let filled = buf.len();
        // SAFETY: the length of a vector is within its capacity.
        let at = unsafe { buf.as_mut_ptr().add(filled) };
        Self { buf, at, left: len, len: filled + len }
    }

    /// Writes what comes next.
    ///
    /// # Panics
    /// When more is written than was reserved: then a length was computed wrongly, and the record would be broken.
    #[inline]
    #[allow(unsafe_code)]
    pub(super) fn put(&mut self, bytes: &[u8]) {
        assert!(bytes.len() <= self.left, "more is written than was reserved");
        // SAFETY: `left` bytes from `at` on are within the capacity, which `reserve` made so and nothing changes while the
        // buffer is borrowed; the bytes fit, as was just seen. They do not overlap: the buffer is borrowed mutably.
        unsafe {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.at, bytes.len());
            self.at = self.at.add(bytes.len());
        }
        self.left -= bytes.len();
    }
}

impl Drop for Room<'_> {
    #[inline]
    #[allow(unsafe_code)]
    fn drop(&mut self) {
        // SAFETY: everything before was there or has been written, and it is within the capacity.
        unsafe { self.buf.set_len(self.len - self.left) }
    }
}
