//! Equality of short byte strings.

/// Whether both are the same bytes.
///
/// Keys and values are mostly 4 to 32 bytes long. For these, two loads that may overlap replace a call of `memcmp`, which costs
/// more than its comparison.
#[inline(always)]
pub(super) fn equal(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    match a.len() {
        0 => true,
        1..=3 => a[0] == b[0] && a[a.len() / 2] == b[b.len() / 2] && a[a.len() - 1] == b[b.len() - 1],
        4..=7 => ends_are_equal::<4>(a, b),
        8..=15 => ends_are_equal::<8>(a, b),
        16..=32 => ends_are_equal::<16>(a, b),
        _ => a == b,
    }
}

#[inline(always)]
fn ends_are_equal<const N: usize>(a: &[u8], b: &[u8]) -> bool {
    a.first_chunk::<N>() == b.first_chunk() && a.last_chunk::<N>() == b.last_chunk()
}

#[cfg(test)]
mod tests;
