//! Attribute columns.

use laneway_proto::otlp::reader::{MaybeScalar, ReadError, Scalar, Text};

use super::{Coded, Strings};

/// Beyond this many distinct values per value, a dictionary only costs: memory for its index, time for every hash.
pub(in super::super) const MAX_DISTINCT_SHARE: usize = 4;
/// A column has at least this many values before it is judged by their share. Fewer would condemn columns whose few thousand
/// distinct values have only just been seen for the first time.
const MIN_VALUES_TO_JUDGE: usize = 32 * 1024;
/// For so many segments a column whose text turned out to be mostly distinct is expected to be so again.
const SEGMENTS_UNTIL_JUDGED: u8 = 15;

/// The type of an attribute column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in super::super) enum AttributeType {
    String,
    Int,
    Double,
    Bool,
}

impl AttributeType {
    /// The type of the column for a value.
    pub(in super::super) fn of(value: Scalar<'_>) -> Self {
        match value {
            Scalar::String(_) => Self::String,
            Scalar::Int(_) => Self::Int,
            Scalar::Double(_) => Self::Double,
            Scalar::Bool(_) => Self::Bool,
        }
    }
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
    // Of text without a dictionary: for how many segments it is taken for granted that it is still better so.
    pub(in super::super) segments_until_judged: u8,
}

impl AttributeColumn {
    pub(in super::super) fn new(key: String, kind: AttributeType) -> Self {
        let values = match kind {
            AttributeType::String => AttributeValues::String(Coded::default()),
            AttributeType::Int => AttributeValues::Int(Vec::new()),
            AttributeType::Double => AttributeValues::Double(Vec::new()),
            AttributeType::Bool => AttributeValues::Bool(Vec::new()),
        };
        Self { key, rows: Vec::new(), values, segments_until_judged: 0 }
    }

    pub(in super::super) fn kind(&self) -> AttributeType {
        match self.values {
            AttributeValues::String(_) | AttributeValues::Plain(_) => AttributeType::String,
            AttributeValues::Int(_) => AttributeType::Int,
            AttributeValues::Double(_) => AttributeType::Double,
            AttributeValues::Bool(_) => AttributeType::Bool,
        }
    }

    /// Whether the row, which is the last of all, has a value.
    #[inline]
    pub(in super::super) fn has(&self, row: usize) -> bool {
        self.rows.last() == Some(&(row as u32))
    }

    /// Adds the value of a row behind all others, if it is of this column's type, and returns whether it is.
    ///
    /// Of text, `guess` is the number that it may have, or any other; it becomes the number that it has.
    ///
    /// # Errors
    /// When it is text, but not UTF-8.
    #[inline(always)]
    pub(in super::super) fn push<'a>(
        &mut self,
        row: usize,
        value: impl MaybeScalar<'a>,
        guess: &mut u32,
    ) -> Result<bool, ReadError> {
        match &mut self.values {
            AttributeValues::String(values) => {
                let Some(text) = value.string() else { return Ok(false) };
                if !values.push_guess(*guess, text.as_bytes()) {
                    match values.push_last(text.as_bytes()) {
                        Some(last) => *guess = last,
                        None => *guess = self.push_other_text(text)?,
                    }
                }
            }
            AttributeValues::Plain(values) => {
                let Some(text) = value.string() else { return Ok(false) };
                text.validate()?;
                values.push(text.as_bytes());
            }
            AttributeValues::Int(values) => match value.int() {
                Some(value) => values.push(value),
                None => return Ok(false),
            },
            AttributeValues::Double(values) => match value.double() {
                Some(value) => values.push(value),
                None => return Ok(false),
            },
            AttributeValues::Bool(values) => match value.boolean() {
                Some(value) => values.push(value),
                None => return Ok(false),
            },
        }
        self.rows.push(row as u32);
        Ok(true)
    }

    /// Adds a text that differs from the one before to a column with a dictionary.
    #[inline(never)]
    fn push_other_text(&mut self, text: Text<'_>) -> Result<u32, ReadError> {
        let AttributeValues::String(coded) = &mut self.values else { return Ok(u32::MAX) };
        let distinct = coded.values.len();
        let id = coded.values.intern(text.as_bytes(), || text.validate())?;
        coded.ids.push(id);
        if coded.values.len() > distinct && coded.is_mostly_distinct() {
            self.values = AttributeValues::Plain(coded.to_strings(self.rows.capacity()));
            self.segments_until_judged = SEGMENTS_UNTIL_JUDGED;
        }
        Ok(id)
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

    /// Whether its text has no dictionary.
    pub(in super::super) fn is_plain(&self) -> bool {
        matches!(self.values, AttributeValues::Plain(_))
    }

    /// Forgets all values, and keeps the buffers. Text that was mostly distinct is expected to be so for some segments more.
    pub(in super::super) fn clear(&mut self) {
        self.rows.clear();
        match &mut self.values {
            AttributeValues::String(values) => values.clear(),
            // To judge it anew costs a dictionary of a quarter of its values, which is then thrown away.
            AttributeValues::Plain(values) if self.segments_until_judged > 0 => {
                self.segments_until_judged -= 1;
                values.truncate(0);
            }
            AttributeValues::Plain(_) => self.values = AttributeValues::String(Coded::default()),
            AttributeValues::Int(values) => values.clear(),
            AttributeValues::Double(values) => values.clear(),
            AttributeValues::Bool(values) => values.clear(),
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let values = match &self.values {
            AttributeValues::String(values) => values.memory_bytes(),
            AttributeValues::Plain(values) => values.memory_bytes(),
            AttributeValues::Int(values) => values.len() * size_of::<i64>(),
            AttributeValues::Double(values) => values.len() * size_of::<f64>(),
            AttributeValues::Bool(values) => values.len(),
        };
        self.key.capacity() + self.rows.len() * size_of::<u32>() + values
    }
}

impl AttributeValues {
    /// The values of a text column, without a dictionary from now on.
    pub(in super::super) fn make_plain(&mut self) -> Option<&mut Strings> {
        if let Self::String(coded) = self {
            *self = Self::Plain(coded.to_strings(coded.ids.len()));
        }
        if let Self::Plain(strings) = self { Some(strings) } else { None }
    }
}

impl Coded {
    fn is_mostly_distinct(&self) -> bool {
        self.ids.len() >= MIN_VALUES_TO_JUDGE && self.values.len() * MAX_DISTINCT_SHARE > self.ids.len()
    }
}
