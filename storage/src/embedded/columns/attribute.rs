//! Attribute columns.

use super::{Coded, Strings};

/// Beyond this many distinct values per value, a dictionary only costs: memory for its index, time for every hash.
const MAX_DISTINCT_SHARE: usize = 4;
/// A column has at least this many values before it is judged by their share. Fewer would condemn columns whose few thousand
/// distinct values have only just been seen for the first time.
const MIN_VALUES_TO_JUDGE: usize = 8192;

/// The type of an attribute column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in super::super) enum AttributeType {
    String,
    Int,
    Double,
    Bool,
}

/// The values of an attribute column, one for each of its rows.
pub(in super::super) enum AttributeValues {
    /// Text that repeats. Becomes `Plain` once it turns out not to.
    String(Coded),
    /// Text of which a good part is distinct.
    Plain(Strings),
    Int(Vec<i64>),
    Double(Vec<f64>),
    Bool(Vec<bool>),
}

/// All attributes of one key and type.
pub(in super::super) struct AttributeColumn {
    pub(in super::super) key: String,
    /// The rows that have the attribute, ascending.
    pub(in super::super) rows: Vec<u32>,
    pub(in super::super) values: AttributeValues,
}

impl AttributeColumn {
    pub(in super::super) fn new(key: String, kind: AttributeType) -> Self {
        let values = match kind {
            AttributeType::String => AttributeValues::String(Coded::default()),
            AttributeType::Int => AttributeValues::Int(Vec::new()),
            AttributeType::Double => AttributeValues::Double(Vec::new()),
            AttributeType::Bool => AttributeValues::Bool(Vec::new()),
        };
        Self { key, rows: Vec::new(), values }
    }

    pub(in super::super) fn kind(&self) -> AttributeType {
        match self.values {
            AttributeValues::String(_) | AttributeValues::Plain(_) => AttributeType::String,
            AttributeValues::Int(_) => AttributeType::Int,
            AttributeValues::Double(_) => AttributeType::Double,
            AttributeValues::Bool(_) => AttributeType::Bool,
        }
    }

    pub(super) fn truncate(&mut self, rows: usize) {
        let keep = self.rows.partition_point(|&row| (row as usize) < rows);
        self.rows.truncate(keep);
        match &mut self.values {
            AttributeValues::String(values) => values.ids.truncate(keep),
            AttributeValues::Plain(values) => values.truncate(keep),
            AttributeValues::Int(values) => values.truncate(keep),
            AttributeValues::Double(values) => values.truncate(keep),
            AttributeValues::Bool(values) => values.truncate(keep),
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let values = match &self.values {
            AttributeValues::String(values) => values.memory_bytes(),
            AttributeValues::Plain(values) => values.memory_bytes(),
            AttributeValues::Int(values) => values.capacity() * size_of::<i64>(),
            AttributeValues::Double(values) => values.capacity() * size_of::<f64>(),
            AttributeValues::Bool(values) => values.capacity(),
        };
        self.key.capacity() + self.rows.capacity() * size_of::<u32>() + values
    }
}

impl AttributeValues {
    /// Adds a text that is known to be good.
    pub(in super::super) fn push_known_text(&mut self, text: &[u8]) {
        let Ok(()) = self.push_text(text, || Ok::<(), std::convert::Infallible>(()));
    }

    /// Adds a text, which `check` must accept where it is not known to be good.
    pub(in super::super) fn push_text<E>(
        &mut self,
        text: &[u8],
        check: impl FnOnce() -> Result<(), E>,
    ) -> Result<(), E> {
        match self {
            Self::String(coded) => {
                let distinct = coded.values.len();
                coded.ids.push(coded.values.intern(text, check)?);
                if coded.values.len() > distinct
                    && coded.ids.len() >= MIN_VALUES_TO_JUDGE
                    && coded.values.len() * MAX_DISTINCT_SHARE > coded.ids.len()
                {
                    *self = Self::Plain(coded.to_strings());
                }
            }
            Self::Plain(strings) => {
                check()?;
                strings.push(text);
            }
            Self::Int(_) | Self::Double(_) | Self::Bool(_) => {
                unreachable!("the column was chosen by the type of this value")
            }
        }
        Ok(())
    }
}
