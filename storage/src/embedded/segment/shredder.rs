//! From the attributes of a span to its values in attribute columns.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use laneway_proto::Lane;
use laneway_proto::otlp::reader::{self, KeyPrefix, KeyValue, MaybeScalar, ReadError, Text};
use laneway_proto::otlp::{field, wire};

use super::super::columns::{
    AttributeColumn, AttributeType, Columns, MAX_ATTRIBUTE_COLUMNS, Shape, ShapeItem,
};
use crate::model::from_otlp::LANE_ATTRIBUTES;

/// Finds the column of each attribute, and the shape and the lane of each span.
///
/// Spans of one name and kind mostly come from the same place in a program, and have the same attributes in the same order. So the
/// shape of the last such span says which column the next attribute belongs to: one comparison of keys confirms
/// it, and nothing is hashed.
pub(super) struct Shredder {
    // Attribute columns by key and type.
    index: HashTable<u32>,
    hasher: RandomState,
    /// By attribute column.
    known: Vec<Known>,
    /// By name and kind, of which some share a place: the number of the last shape, plus one; 0 for none yet.
    last_shapes: Box<[u32; PREDICTIONS]>,
    /// In the same places: the numbers of the texts of its attributes. Another's number does no harm, for texts are compared.
    last_texts: Box<[[u32; PREDICTED_TEXTS]]>,
    /// Empty columns of the segment before.
    spare_columns: Vec<AttributeColumn>,
    // Reused from span to span.
    shape: Shape,
    residual: Vec<u8>,
}

/// What is known of an attribute column beside its values.
struct Known {
    prefix: KeyPrefix,
    /// The place of its key in [`LANE_ATTRIBUTES`], or one beyond the last.
    lane_rank: u8,
}

/// How many shapes are remembered. A few hundred operations of a fleet make most of its spans.
const PREDICTIONS: usize = 4096;
/// Texts that are remembered of each, in one cache line; attributes that are further apart share a place.
const PREDICTED_TEXTS: usize = 16;
const NO_LANE: u8 = LANE_ATTRIBUTES.len() as u8;

impl Default for Shredder {
    fn default() -> Self {
        Self {
            index: HashTable::new(),
            hasher: RandomState::default(),
            known: Vec::new(),
            last_shapes: Box::new([0; PREDICTIONS]),
            last_texts: vec![[u32::MAX; PREDICTED_TEXTS]; PREDICTIONS].into(),
            spare_columns: Vec::new(),
            shape: Shape::default(),
            residual: Vec::new(),
        }
    }
}

impl Shredder {
    /// Appends attributes, shape and lane of a span to their columns; `name` is the number of its name.
    pub(super) fn append(
        &mut self,
        columns: &mut Columns,
        span: &reader::Span<'_>,
        row: usize,
        name: u32,
    ) -> Result<(), ReadError> {
        let prediction = (name as usize * 8 + (span.kind & 7) as usize) % PREDICTIONS;
        let last_shape = self.last_shapes[prediction].checked_sub(1);
        let expected = last_shape.map_or(&[][..], |shape| columns.shape.values.get(shape));
        // Where in `expected` the next attribute should be, and whether all so far were as expected. From the first that was
        // not, the shape is written down.
        let (mut at, mut as_expected) = (0, true);
        let mut lane = FoundLane::default();
        self.residual.clear();
        self.shape.set(&[]);
        let mut attributes = span.attributes();
        loop {
            // An item of one byte that is not 0 is an attribute column.
            if let Some(&item @ 1..=0x7f) = expected.get(at)
                && let index = usize::from(item) - 1
                && let known = &self.known[index]
                && let Some(foreseen) = attributes.foresee(&known.prefix)
                && let column = &mut columns.attributes[index]
                && (as_expected || !column.has(row))
                && let guess = &mut self.last_texts[prediction][at % PREDICTED_TEXTS]
                && column.push(row, foreseen.value, guess)?
            {
                attributes.take_foreseen(foreseen);
                at += 1;
                if !as_expected {
                    self.shape.push(ShapeItem::Column(index));
                }
                lane.look_at(known.lane_rank, foreseen.value);
                continue;
            }
            let Some(attribute) = attributes.next() else { break };
            if as_expected {
                as_expected = false;
                self.shape.set(&expected[..at]);
            }
            let item = self.append_unexpected(&mut columns.attributes, &attribute?, row, &mut lane)?;
            self.shape.push(item);
            // Some were left out, or one was put in: the others may still come as expected.
            let byte = item.byte();
            at += expected[at..].iter().position(|next| Some(*next) == byte).map_or(0, |skipped| skipped + 1);
        }
        columns.residual.push(row, &self.residual);
        columns.lane.push(lane.name, || Ok::<_, ReadError>(()))?;
        if let Some(shape) = last_shape
            && as_expected
            && at == expected.len()
        {
            columns.shape.ids.push(shape);
            return Ok(());
        }
        if as_expected {
            self.shape.set(&expected[..at]);
        }
        let shape = columns.shape.values.intern_bytes(self.shape.as_bytes());
        columns.shape.ids.push(shape);
        self.last_shapes[prediction] = shape + 1;
        Ok(())
    }

    #[inline(never)]
    fn append_unexpected<'a>(
        &mut self,
        columns: &mut Vec<AttributeColumn>,
        attribute: &KeyValue<'a>,
        row: usize,
        lane: &mut FoundLane<'a>,
    ) -> Result<ShapeItem, ReadError> {
        if let Some(value) = attribute.value.scalar()
            && let Some(index) = self.column_of(columns, attribute.key, AttributeType::of(value), row)?
            && columns[index].push(row, value, &mut { u32::MAX })?
        {
            lane.look_at(self.known[index].lane_rank, value);
            return Ok(ShapeItem::Column(index));
        }
        attribute.key.validate()?;
        attribute.value.validate()?;
        if let Some(value) = attribute.value.scalar() {
            lane.look_at(lane_rank(attribute.key.as_bytes()), value);
        }
        wire::bytes(&mut self.residual, field::span::ATTRIBUTES, attribute.bytes());
        Ok(ShapeItem::Residual)
    }

    /// The column for an attribute; `None` when it belongs into the residual.
    fn column_of(
        &mut self,
        columns: &mut Vec<AttributeColumn>,
        text: Text<'_>,
        kind: AttributeType,
        row: usize,
    ) -> Result<Option<usize>, ReadError> {
        let key = text.as_bytes();
        let hash = self.hasher.hash_one((key, kind));
        let found = self.index.find(hash, |&index| {
            let column = &columns[index as usize];
            column.key.as_bytes() == key && column.kind() == kind
        });
        if let Some(&index) = found {
            // A key that occurs twice in one span: the second goes into the residual.
            let taken = columns[index as usize].has(row);
            return Ok((!taken).then_some(index as usize));
        }
        if columns.len() == MAX_ATTRIBUTE_COLUMNS {
            return Ok(None);
        }
        let index = columns.len();
        let spare =
            self.spare_columns.iter().position(|spare| spare.key.as_bytes() == key && spare.kind() == kind);
        columns.push(match spare {
            Some(spare) => self.spare_columns.swap_remove(spare),
            None => AttributeColumn::new(text.to_str()?.to_owned(), kind),
        });
        self.known.push(Known { prefix: KeyPrefix::new(&columns[index].key), lane_rank: lane_rank(key) });
        let (columns, hasher) = (&*columns, &self.hasher);
        self.index.insert_unique(hash, index as u32, |&index| {
            let column = &columns[index as usize];
            hasher.hash_one((column.key.as_bytes(), column.kind()))
        });
        Ok(Some(index))
    }

    /// Forgets everything, and keeps the buffers and those of the columns so far. A column that is not wanted in the coming
    /// segment is given up with it.
    pub(super) fn recycle(&mut self, mut columns: Vec<AttributeColumn>) {
        columns.iter_mut().for_each(AttributeColumn::clear);
        self.spare_columns = columns;
        self.index.clear();
        self.known.clear();
        self.last_shapes.fill(0);
        self.last_texts.fill([u32::MAX; PREDICTED_TEXTS]);
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.index.allocation_size()
            + size_of_val(&*self.last_shapes)
            + size_of_val(&*self.last_texts)
            + self.known.iter().map(|known| size_of_val(known) + known.prefix.len()).sum::<usize>()
            + self.residual.capacity()
            + self.shape.as_bytes().len()
    }
}

fn lane_rank(key: &[u8]) -> u8 {
    LANE_ATTRIBUTES
        .iter()
        .zip(0..)
        .find(|(lane_key, _)| lane_key.as_bytes() == key)
        .map_or(NO_LANE, |(_, rank)| rank)
}

/// The lane that the attributes of a span name: of those that are valid, the one whose key is believed most.
struct FoundLane<'a> {
    rank: u8,
    name: &'a [u8],
}

impl Default for FoundLane<'_> {
    fn default() -> Self {
        Self { rank: NO_LANE, name: Lane::BASE.as_bytes() }
    }
}

impl<'a> FoundLane<'a> {
    #[inline]
    fn look_at(&mut self, rank: u8, value: impl MaybeScalar<'a>) {
        if rank < self.rank
            && let Some(text) = value.string()
            && Lane::is_name(text.as_bytes())
        {
            *self = Self { rank, name: text.as_bytes() };
        }
    }
}
