//! Writing to the end of a buffer that was grown beforehand.

#[cfg(test)]
mod tests;

/// Room at the end of a buffer, which is filled from front to back.
///
/// An attribute is written in half a dozen pieces of a few bytes. Appended to the vector each would ask anew whether the vector
/// must grow, which costs more than the bytes.
#[derive(Debug)]
pub struct Room<'a> {
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
    #[inline(always)]
    #[allow(unsafe_code)]
    pub(super) fn reserve(buf: &'a mut Vec<u8>, len: usize) -> Self {
        buf.reserve(len);
        let filled = buf.len();
        // SAFETY: the length of a vector is within its capacity.
        let at = unsafe { buf.as_mut_ptr().add(filled) };
        Self { buf, at, left: len, len: filled + len }
    }

    /// The same, when there is room already: who cannot wait for memory asks another.
    #[inline(always)]
    pub(super) fn at_hand(buf: &'a mut Vec<u8>, len: usize) -> Option<Self> {
        if buf.capacity() - buf.len() < len { None } else { Some(Self::reserve(buf, len)) }
    }

    /// Writes what comes next.
    ///
    /// # Panics
    /// When more is written than was reserved: then a length was computed wrongly, and the record would be broken.
    #[inline(always)]
    #[allow(unsafe_code)]
    pub(super) fn put(&mut self, bytes: &[u8]) {
        assert!(bytes.len() <= self.left, "more is written than was reserved");
        // SAFETY: `left` bytes from `at` on are within the capacity, which `reserve` made so and nothing changes while the
        // buffer is borrowed; the bytes fit, as was just seen. They do not overlap: the buffer is borrowed mutably.
        unsafe {
            copy(bytes, self.at);
            self.at = self.at.add(bytes.len());
        }
        self.left -= bytes.len();
    }

    /// Writes what comes next, where the lengths of all pieces were added up when room was made.
    ///
    /// # Safety
    /// There is room for the bytes.
    #[inline(always)]
    #[allow(unsafe_code)]
    pub(super) unsafe fn put_unchecked(&mut self, bytes: &[u8]) {
        debug_assert!(bytes.len() <= self.left, "more is written than was reserved");
        // SAFETY: as in `put`, and that it fits is what the caller promises.
        unsafe {
            copy(bytes, self.at);
            self.at = self.at.add(bytes.len());
        }
        self.left = self.left.wrapping_sub(bytes.len());
    }
}

impl Room<'_> {
    /// Writes all of the bytes, of which so many stay: what comes next is written over the rest.
    ///
    /// # Safety
    /// There is room for all of the bytes, and no more of them stay than there are.
    #[inline(always)]
    #[allow(unsafe_code)]
    pub(super) unsafe fn put_padded<const N: usize>(&mut self, bytes: &[u8; N], len: usize) {
        debug_assert!(N <= self.left && len <= N, "more is written than was reserved");
        // SAFETY: as in `put`, and that it fits is what the caller promises.
        unsafe {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.at, N);
            self.at = self.at.add(len);
        }
        self.left = self.left.wrapping_sub(len);
    }
}

impl Drop for Room<'_> {
    #[inline(always)]
    #[allow(unsafe_code)]
    fn drop(&mut self) {
        // SAFETY: everything before was there or has been written, and it is within the capacity.
        unsafe { self.buf.set_len(self.len - self.left) }
    }
}

/// [`copy`] of what has mostly more than 64 bytes, and is not looked at for being shorter first.
///
/// # Safety
/// As there.
#[inline(always)]
#[allow(unsafe_code)]
pub(super) unsafe fn copy_long(bytes: &[u8], to: *mut u8) {
    let (from, len) = (bytes.as_ptr(), bytes.len());
    // SAFETY: the caller promises the room, and the branch looks at the length.
    unsafe {
        if (64..=128).contains(&len) {
            ends::<64>(from, to, len);
        } else {
            copy(bytes, to);
        }
    }
}

/// Copies the first and the last `N` bytes.
///
/// # Safety
/// There are as many, and `to` has room for all of them.
#[inline(always)]
#[allow(unsafe_code)]
unsafe fn ends<const N: usize>(from: *const u8, to: *mut u8, len: usize) {
    // SAFETY: both reads are within the bytes, both writes within the room, as the caller promises.
    unsafe {
        std::ptr::copy_nonoverlapping(from, to, N);
        std::ptr::copy_nonoverlapping(from.add(len - N), to.add(len - N), N);
    }
}

/// Copies bytes. Nearly all have at most 128: those are copied here, in two moves that may overlap, for less than what a call
/// of `memcpy` costs.
///
/// # Safety
/// `to` has room for the bytes, which are not there.
#[inline(always)]
#[allow(unsafe_code)]
pub(super) unsafe fn copy(bytes: &[u8], to: *mut u8) {
    let (from, len) = (bytes.as_ptr(), bytes.len());
    // SAFETY: the caller promises the room, and each branch looks at the length.
    unsafe {
        if len > 16 {
            if len <= 32 {
                ends::<16>(from, to, len);
            } else if len <= 64 {
                ends::<32>(from, to, len);
            } else if len <= 128 {
                ends::<64>(from, to, len);
            } else {
                std::ptr::copy_nonoverlapping(from, to, len);
            }
        } else if len >= 8 {
            ends::<8>(from, to, len);
        } else if len >= 4 {
            ends::<4>(from, to, len);
        } else if len > 0 {
            // The first, the one in the middle, the last.
            to.write(from.read());
            to.add(len / 2).write(from.add(len / 2).read());
            to.add(len - 1).write(from.add(len - 1).read());
        }
    }
}
