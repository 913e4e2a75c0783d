//! Joining parts: the new part has the row groups of its inputs, as they are.
//!
//! Row groups that are full would come out of a merge of their rows with about the bytes that they have. So nothing is decoded, sorted or
//! compressed again; merging costs what reading and writing cost.

use super::super::part::{AttributeMeta, Cache, PartWriter, SharedPart};
use super::schema::Schema;
use crate::QueryError;

/// How parts are joined.
pub(in super::super) struct Join<'a> {
    /// The attribute columns of the new part.
    attributes: Vec<AttributeMeta>,
    /// The inputs, and of each where its attribute columns are among those.
    inputs: Vec<(&'a SharedPart, Vec<usize>)>,
}

impl<'a> Join<'a> {
    /// How to join these parts; `None` where their rows have to be merged: because their row groups have fewer than `min_group_rows` rows on
    /// average, or they have too many attribute columns together, or are of a format whose row groups were not written to last.
    pub(in super::super) fn of(inputs: &'a [SharedPart], min_group_rows: usize) -> Option<Self> {
        let rows: usize = inputs.iter().map(|part| part.rows()).sum();
        let groups: usize = inputs.iter().map(|part| part.row_groups().len()).sum();
        if rows / groups.max(1) < min_group_rows || !inputs.iter().all(|part| part.can_be_copied()) {
            return None;
        }
        let schema = Schema::unite(inputs.iter().map(|part| (part.rows(), part.attributes())));
        let placed = |part: &'a SharedPart| {
            let places = schema.places_of(part.attributes());
            Some((part, places.into_iter().collect::<Option<_>>()?))
        };
        let inputs = inputs.iter().map(placed).collect::<Option<_>>()?;
        Some(Self { attributes: schema.attributes, inputs })
    }

    /// The attribute columns of the new part.
    pub(in super::super) fn attributes(&self) -> Vec<AttributeMeta> {
        self.attributes.clone()
    }

    /// Copies all row groups, and calls `go_on` behind each; returns how many spans they have, or `None` when that said no.
    ///
    /// # Errors
    /// When an input cannot be read, or the new part cannot be written.
    pub(in super::super) fn copy(
        &self,
        writer: &mut PartWriter,
        mut go_on: impl FnMut() -> bool,
    ) -> Result<Option<usize>, QueryError> {
        let mut rows = 0;
        for (part, places) in &self.inputs {
            let cache = Cache::of_one_reader();
            for group in part.row_groups() {
                writer.copy(group.through(&cache), places)?;
                rows += group.rows();
                if !go_on() {
                    return Ok(None);
                }
            }
        }
        Ok(Some(rows))
    }
}
