//! Byte strings one behind another.

/// A list of byte strings in one buffer.
#[derive(Debug, Default)]
pub(in super::super) struct Strings {
    bytes: Vec<u8>,
    // End of each string in `bytes`; it begins where the one before ends.
    ends: Vec<usize>,
}

impl Strings {
    /// An empty list with room for so many strings, and for so many bytes of them in all.
    pub(in super::super) fn with_capacity(strings: usize, bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), ends: Vec::with_capacity(strings) }
    }

    pub(in super::super) fn push(&mut self, value: &[u8]) {
        self.bytes.extend_from_slice(value);
        self.ends.push(self.bytes.len());
    }

    /// The string at a place that is in the list.
    #[inline]
    pub(in super::super) fn get(&self, i: usize) -> &[u8] {
        let start = if i == 0 { 0 } else { self.ends[i - 1] };
        &self.bytes[start..self.ends[i]]
    }

    /// How many strings.
    pub(in super::super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// All strings in their order.
    pub(in super::super) fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        (0..self.len()).map(|i| self.get(i))
    }

    /// Forgets all strings from the place `len` on.
    pub(in super::super) fn truncate(&mut self, len: usize) {
        self.ends.truncate(len);
        self.bytes.truncate(self.ends.last().copied().unwrap_or_default());
    }

    pub(in super::super) fn memory_bytes(&self) -> usize {
        self.bytes.len() + self.ends.len() * size_of::<usize>()
    }
}
