//! Parents as distances.
//!
//! A parent's id is eight random bytes that stand in the part already, as the id of a row nearby. So a part keeps how many rows
//! back the parent is, which takes half a byte, and the id itself only where the parent is not there.

use std::collections::HashMap;

/// Traces up to this many spans are searched one by one: faster than a table, which they would fill for nothing.
const MAX_LINEAR: usize = 48;

/// For each row, how many rows before it its parent is (negative: behind it); 0 where the parent is none of these rows.
///
/// `span_ids` and `parent_ids` are of the rows in their order; `traces` has the end of each trace.
pub(super) fn offsets(span_ids: &[[u8; 8]], parent_ids: &[[u8; 8]], traces: &[usize]) -> Vec<i32> {
    let mut offsets = vec![0; span_ids.len()];
    let mut start = 0;
    for &end in traces {
        let (ids, parents) = (&span_ids[start..end], &parent_ids[start..end]);
        let offsets = &mut offsets[start..end];
        let offset =
            |row: usize, parent: Option<usize>| parent.map_or(0, |parent| row as i32 - parent as i32);
        let roots_aside = (0..ids.len()).filter(|&row| parents[row] != [0; 8]);
        if ids.len() <= MAX_LINEAR {
            for row in roots_aside {
                // Parents begin before their children, and mostly shortly before.
                let before = ids[..row].iter().rposition(|id| *id == parents[row]);
                let parent = before.or_else(|| {
                    ids[row + 1..].iter().position(|id| *id == parents[row]).map(|behind| row + 1 + behind)
                });
                offsets[row] = offset(row, parent);
            }
        } else {
            let places: HashMap<_, _> = ids.iter().zip(0..).collect();
            for row in roots_aside {
                offsets[row] = offset(row, places.get(&parents[row]).copied());
            }
        }
        start = end;
    }
    offsets
}
