//! The columns of `spans.parquet`.

use std::sync::Arc;

use parquet::basic::{LogicalType, Repetition, TimeUnit, Type as PhysicalType};
use parquet::errors::Result;
use parquet::schema::types::{Type, TypePtr};

use super::super::columns::AttributeType;
use super::meta::AttributeMeta;

/// A column that every part has, in the order of the file. The names are those of the OpenTelemetry ClickHouse
/// exporter's `otel_traces` table where it has the column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Field {
    TraceId,
    SpanId,
    /// Of parents that are not in the same trace of the same row group.
    ParentSpanId,
    /// How many rows before a span its parent is; 0 where it has none, or `ParentSpanId`.
    ParentOffset,
    Timestamp,
    Duration,
    SpanName,
    SpanKind,
    StatusCode,
    StatusMessage,
    TraceState,
    Lane,
    Flags,
    DroppedAttributesCount,
    DroppedEventsCount,
    DroppedLinksCount,
    Resource,
    Scope,
    AttributeShape,
    ResidualAttributes,
    Events,
    Links,
    // The columns from here on repeat what the resource and the scope say, for tools other than Laneway.
    ServiceName,
    ScopeName,
    ScopeVersion,
}

impl Field {
    /// All of them, in the order of the file.
    pub(in super::super) const ALL: [Self; 25] = [
        Self::TraceId,
        Self::SpanId,
        Self::ParentSpanId,
        Self::ParentOffset,
        Self::Timestamp,
        Self::Duration,
        Self::SpanName,
        Self::SpanKind,
        Self::StatusCode,
        Self::StatusMessage,
        Self::TraceState,
        Self::Lane,
        Self::Flags,
        Self::DroppedAttributesCount,
        Self::DroppedEventsCount,
        Self::DroppedLinksCount,
        Self::Resource,
        Self::Scope,
        Self::AttributeShape,
        Self::ResidualAttributes,
        Self::Events,
        Self::Links,
        Self::ServiceName,
        Self::ScopeName,
        Self::ScopeVersion,
    ];

    /// Its place in the file.
    pub(super) fn index(self) -> usize {
        self as usize
    }

    fn name(self) -> String {
        format!("{self:?}")
    }

    pub(super) fn parquet_type(self) -> Result<TypePtr> {
        let name = self.name();
        let (physical, length, logical) = match self {
            Self::TraceId => (PhysicalType::FIXED_LEN_BYTE_ARRAY, 16, None),
            Self::SpanId | Self::ParentSpanId => (PhysicalType::FIXED_LEN_BYTE_ARRAY, 8, None),
            Self::Timestamp => (PhysicalType::INT64, 0, Some(LogicalType::timestamp(true, TimeUnit::NANOS))),
            Self::Duration => (PhysicalType::INT64, 0, None),
            Self::ParentOffset => (PhysicalType::INT32, 0, None),
            Self::Flags
            | Self::DroppedAttributesCount
            | Self::DroppedEventsCount
            | Self::DroppedLinksCount => (PhysicalType::INT32, 0, Some(LogicalType::integer(32, false))),
            Self::Resource
            | Self::Scope
            | Self::AttributeShape
            | Self::ResidualAttributes
            | Self::Events
            | Self::Links => (PhysicalType::BYTE_ARRAY, 0, None),
            _ => (PhysicalType::BYTE_ARRAY, 0, Some(LogicalType::String)),
        };
        let repetition = match self {
            Self::ParentSpanId | Self::ResidualAttributes | Self::Events | Self::Links => {
                Repetition::OPTIONAL
            }
            _ => Repetition::REQUIRED,
        };
        let column = Type::primitive_type_builder(&name, physical)
            .with_length(length)
            .with_logical_type(logical)
            .with_repetition(repetition);
        Ok(Arc::new(column.build()?))
    }
}

/// The name of an attribute column: `attr.<key>`, followed by `#int`, `#double` or `#bool` where it does not hold strings.
/// A `#` within the key is doubled, so that no two columns share a name.
fn attribute_name(key: &str, kind: AttributeType) -> String {
    let suffix = match kind {
        AttributeType::String => "",
        AttributeType::Int => "#int",
        AttributeType::Double => "#double",
        AttributeType::Bool => "#bool",
    };
    format!("attr.{}{suffix}", key.replace('#', "##"))
}

/// The Parquet column of an attribute.
pub(super) fn attribute_type(attribute: &AttributeMeta) -> Result<TypePtr> {
    let (physical, logical) = match attribute.kind {
        AttributeType::String => (PhysicalType::BYTE_ARRAY, Some(LogicalType::String)),
        AttributeType::Int => (PhysicalType::INT64, None),
        AttributeType::Double => (PhysicalType::DOUBLE, None),
        AttributeType::Bool => (PhysicalType::BOOLEAN, None),
    };
    let name = attribute_name(&attribute.key, attribute.kind);
    let column = Type::primitive_type_builder(&name, physical)
        .with_logical_type(logical)
        .with_repetition(Repetition::OPTIONAL);
    Ok(Arc::new(column.build()?))
}

/// Which columns to read.
#[derive(Debug, Clone)]
pub(in super::super) struct Projection {
    fields: u32,
    attributes: Attributes,
}

#[derive(Debug, Clone)]
enum Attributes {
    All,
    Keys(Vec<String>),
}

impl Projection {
    /// Everything that a span is made of.
    pub(in super::super) fn all() -> Self {
        Self { fields: u32::MAX, attributes: Attributes::All }
    }

    /// These fields and no attribute.
    pub(in super::super) fn of(fields: impl IntoIterator<Item = Field>) -> Self {
        let mut projection = Self { fields: 0, attributes: Attributes::Keys(Vec::new()) };
        fields.into_iter().for_each(|field| projection.add(field));
        projection
    }

    /// Adds a field.
    pub(in super::super) fn add(&mut self, field: Field) {
        self.fields |= 1 << field.index();
    }

    /// Adds the attribute columns of a key.
    pub(in super::super) fn add_attribute(&mut self, key: &str) {
        if let Attributes::Keys(keys) = &mut self.attributes {
            keys.push(key.to_owned());
        }
    }

    /// Whether it has a field.
    pub(in super::super) fn has(&self, field: Field) -> bool {
        self.fields & 1 << field.index() != 0
    }

    pub(super) fn has_attribute(&self, key: &str) -> bool {
        match &self.attributes {
            Attributes::All => true,
            Attributes::Keys(keys) => keys.iter().any(|other| other == key),
        }
    }
}
