//! Random numbers that are the same in each run, and random damage.

/// A small deterministic generator (Marsaglia's xorshift64).
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % bound.max(1)
    }
}

/// A copy of these bytes with one piece of damage, as disks, file systems and people do it: bits that flip, a cut, bytes that
/// are put in or taken out, pieces that change places, a piece that is overwritten by zeros or by another.
pub(crate) fn damaged(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut damaged = bytes.to_vec();
    let at = random.below(bytes.len());
    // Mostly small pieces: large ones destroy what small ones would have shown.
    let most = [1, 4, 64, 4096][random.below(4)];
    let len = (1 + random.below(most)).min(bytes.len() - at);
    let other = random.below(bytes.len() - len + 1);
    match random.below(8) {
        0 => damaged[at] ^= 1 << random.below(8),
        1 => damaged[at..at + len].iter_mut().for_each(|byte| *byte = random.below(256) as u8),
        2 => damaged[at..at + len].fill(0),
        3 => damaged.copy_within(other..other + len, at),
        4 => {
            (0..len.min((at.max(other) - at.min(other)).max(1))).for_each(|i| damaged.swap(at + i, other + i))
        }
        5 => damaged.truncate(at),
        6 => drop(damaged.drain(at..at + len)),
        _ => drop(damaged.splice(at..at, bytes[other..other + len].to_vec())),
    }
    damaged
}
