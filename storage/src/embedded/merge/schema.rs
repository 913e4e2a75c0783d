//! The attribute columns of several parts as those of one.

use std::collections::HashMap;

use super::super::columns::{AttributeColumn, Columns, MAX_ATTRIBUTE_COLUMNS};
use super::super::part::AttributeMeta;

/// The attribute columns of a part that is made of others.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Schema {
    /// Keys and types, in the order of the columns.
    pub(super) attributes: Vec<AttributeMeta>,
}

impl Schema {
    /// All attribute columns of the inputs, in the order of their first appearance. Where these are more than a part may have,
    /// those of the inputs with the most rows stay; what the others hold goes into the residual column.
    ///
    /// An input is its number of rows, and its columns.
    pub(super) fn unite<'a>(inputs: impl IntoIterator<Item = (usize, &'a [AttributeMeta])>) -> Self {
        let mut rows_with = HashMap::<&AttributeMeta, usize>::new();
        let mut attributes = Vec::new();
        for (rows, columns) in inputs {
            for attribute in columns {
                *rows_with.entry(attribute).or_insert_with(|| {
                    attributes.push(attribute);
                    0
                }) += rows;
            }
        }
        if attributes.len() > MAX_ATTRIBUTE_COLUMNS {
            // Stable: of equals, the first stay.
            let mut by_rows = attributes.clone();
            by_rows.sort_by_key(|attribute| std::cmp::Reverse(rows_with[attribute]));
            let dropped = by_rows.split_off(MAX_ATTRIBUTE_COLUMNS);
            attributes.retain(|attribute| !dropped.contains(attribute));
        }
        Self { attributes: attributes.into_iter().cloned().collect() }
    }

    /// No rows of these columns.
    pub(super) fn columns(&self) -> Columns {
        let attributes = self.attributes.iter();
        Columns {
            attributes: attributes
                .map(|column| AttributeColumn::new(column.key.clone(), column.kind))
                .collect(),
            ..Columns::default()
        }
    }

    /// Where the attribute columns of an input are in this schema; `None` for those that have no column here.
    pub(super) fn places_of(&self, columns: &[AttributeMeta]) -> Vec<Option<usize>> {
        let places: HashMap<_, _> = self.attributes.iter().zip(0..).collect();
        columns.iter().map(|column| places.get(column).copied()).collect()
    }
}
