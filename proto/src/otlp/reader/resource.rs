//! Resources and scopes: `resource/v1/resource.proto`, and `InstrumentationScope` of `common/v1/common.proto`.

use super::cursor::{for_each_field, keys};
use super::error::{Place, ReadError};
use super::repeated::{Context, Message, Repeated};
use super::{KeyValue, Text};
use crate::otlp::field;

/// What produced the spans beneath it: a service instance with its attributes.
///
/// Two resources with the same [`bytes`](Self::bytes) are the same resource.
#[derive(Debug, Clone)]
pub struct Resource<'a> {
    /// Attributes that the sender dropped.
    pub dropped_attributes_count: u32,
    attributes: Repeated<'a, KeyValue<'a>>,
    entity_refs: Repeated<'a, EntityRef<'a>>,
    bytes: &'a [u8],
}

/// The instrumentation scope: the library that recorded the spans beneath it.
///
/// Two scopes with the same [`bytes`](Self::bytes) are the same scope.
#[derive(Debug, Clone)]
pub struct Scope<'a> {
    /// Name of the library.
    pub name: Text<'a>,
    /// Version of the library.
    pub version: Text<'a>,
    /// Attributes that the sender dropped.
    pub dropped_attributes_count: u32,
    attributes: Repeated<'a, KeyValue<'a>>,
    bytes: &'a [u8],
}

/// Which of a resource's attributes describe an entity, such as the process or the host. OTLP still develops
/// it.
#[derive(Debug, Clone)]
pub struct EntityRef<'a> {
    /// Schema URL of the entity.
    pub schema_url: Text<'a>,
    /// Type of the entity.
    pub entity_type: Text<'a>,
    id_keys: Repeated<'a, Text<'a>>,
    description_keys: Repeated<'a, Text<'a>>,
}

keys!(resource = resource { ATTRIBUTES: Len, DROPPED_ATTRIBUTES_COUNT: Varint, ENTITY_REFS: Len });
keys!(scope = scope { NAME: Len, VERSION: Len, ATTRIBUTES: Len, DROPPED_ATTRIBUTES_COUNT: Varint });
keys!(entity_ref = entity_ref { SCHEMA_URL: Len, TYPE: Len, ID_KEYS: Len, DESCRIPTION_KEYS: Len });

impl<'a> Resource<'a> {
    /// Reads a `Resource` message. No bytes are the resource without attributes.
    ///
    /// # Errors
    /// When the message is malformed. Attributes have not been looked at.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ReadError> {
        Self::read(bytes, Context::new(Place::Resource))
    }

    /// The bytes of the message; none when there is no resource.
    #[inline]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Its attributes.
    #[inline]
    pub fn attributes(&self) -> Repeated<'a, KeyValue<'a>> {
        self.attributes.clone()
    }

    /// The entities that its attributes describe.
    #[inline]
    pub fn entity_refs(&self) -> Repeated<'a, EntityRef<'a>> {
        self.entity_refs.clone()
    }

    /// Checks everything within.
    ///
    /// # Errors
    /// When something in it is malformed, not UTF-8, or nested too deep.
    pub fn validate(&self) -> Result<(), ReadError> {
        self.attributes().try_for_each(|attribute| attribute?.check(Place::ResourceAttributes))?;
        self.entity_refs().try_for_each(|entity_ref| entity_ref?.validate())
    }
}

impl<'a> Message<'a> for Resource<'a> {
    fn read(bytes: &'a [u8], _: Context) -> Result<Self, ReadError> {
        let path = Place::Resource.itself();
        let mut read = Self {
            dropped_attributes_count: 0,
            attributes: Repeated::empty(resource::ATTRIBUTES, Context::new(Place::ResourceAttributes)),
            entity_refs: Repeated::empty(resource::ENTITY_REFS, Context::new(Place::EntityRefs)),
            bytes,
        };
        for_each_field(bytes, path, |cursor, key| {
            match key {
                resource::ATTRIBUTES => read.attributes.push(cursor)?,
                resource::DROPPED_ATTRIBUTES_COUNT => read.dropped_attributes_count = cursor.uint32()?,
                resource::ENTITY_REFS => read.entity_refs.push(cursor)?,
                _ => cursor.skip_unknown(key, path)?,
            }
            Ok(())
        })?;
        Ok(read)
    }
}

impl<'a> EntityRef<'a> {
    /// Keys of the attributes that identify the entity.
    #[inline]
    pub fn id_keys(&self) -> Repeated<'a, Text<'a>> {
        self.id_keys.clone()
    }

    /// Keys of the attributes that describe the entity further.
    #[inline]
    pub fn description_keys(&self) -> Repeated<'a, Text<'a>> {
        self.description_keys.clone()
    }

    fn validate(&self) -> Result<(), ReadError> {
        let path = Place::EntityRefs.itself();
        self.schema_url.check(path, field::entity_ref::SCHEMA_URL)?;
        self.entity_type.check(path, field::entity_ref::TYPE)?;
        self.id_keys().try_for_each(|key| key?.check(path, field::entity_ref::ID_KEYS))?;
        self.description_keys().try_for_each(|key| key?.check(path, field::entity_ref::DESCRIPTION_KEYS))
    }
}

impl<'a> Message<'a> for EntityRef<'a> {
    fn read(bytes: &'a [u8], context: Context) -> Result<Self, ReadError> {
        let path = Place::EntityRefs.itself();
        let mut read = Self {
            schema_url: Text::default(),
            entity_type: Text::default(),
            id_keys: Repeated::empty(entity_ref::ID_KEYS, context),
            description_keys: Repeated::empty(entity_ref::DESCRIPTION_KEYS, context),
        };
        for_each_field(bytes, path, |cursor, key| match key {
            entity_ref::SCHEMA_URL => cursor.text(&mut read.schema_url),
            entity_ref::TYPE => cursor.text(&mut read.entity_type),
            entity_ref::ID_KEYS => read.id_keys.push(cursor),
            entity_ref::DESCRIPTION_KEYS => read.description_keys.push(cursor),
            _ => cursor.skip_unknown(key, path),
        })?;
        Ok(read)
    }
}

impl<'a> Message<'a> for Text<'a> {
    #[inline]
    fn read(bytes: &'a [u8], _: Context) -> Result<Self, ReadError> {
        Ok(Self::new(bytes))
    }
}

impl<'a> Scope<'a> {
    /// Reads an `InstrumentationScope` message. No bytes are the scope without a name.
    ///
    /// # Errors
    /// When the message is malformed. Attributes have not been looked at.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ReadError> {
        Self::read(bytes, Context::new(Place::Scope))
    }

    /// The bytes of the message; none when there is no scope.
    #[inline]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Its attributes.
    #[inline]
    pub fn attributes(&self) -> Repeated<'a, KeyValue<'a>> {
        self.attributes.clone()
    }

    /// Checks everything within.
    ///
    /// # Errors
    /// When something in it is malformed, not UTF-8, or nested too deep.
    pub fn validate(&self) -> Result<(), ReadError> {
        self.name.check(Place::Scope.itself(), field::scope::NAME)?;
        self.version.check(Place::Scope.itself(), field::scope::VERSION)?;
        self.attributes().try_for_each(|attribute| attribute?.check(Place::ScopeAttributes))
    }
}

impl<'a> Message<'a> for Scope<'a> {
    fn read(bytes: &'a [u8], _: Context) -> Result<Self, ReadError> {
        let path = Place::Scope.itself();
        let mut read = Self {
            name: Text::default(),
            version: Text::default(),
            dropped_attributes_count: 0,
            attributes: Repeated::empty(scope::ATTRIBUTES, Context::new(Place::ScopeAttributes)),
            bytes,
        };
        for_each_field(bytes, path, |cursor, key| {
            match key {
                scope::NAME => cursor.text(&mut read.name)?,
                scope::VERSION => cursor.text(&mut read.version)?,
                scope::ATTRIBUTES => read.attributes.push(cursor)?,
                scope::DROPPED_ATTRIBUTES_COUNT => read.dropped_attributes_count = cursor.uint32()?,
                _ => cursor.skip_unknown(key, path)?,
            }
            Ok(())
        })?;
        Ok(read)
    }
}
