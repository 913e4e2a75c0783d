//! Reading a trace request where it lies: a cursor over the request's bytes, without a copy or an allocation.
//!
//! The bytes are walked lazily, resource by resource, scope by scope, span by span. What is not asked for is
//! only stepped over.
//!
//! ```
//! use laneway_proto::otlp::reader::{ReadError, TracesRequest};
//!
//! fn names(request: &[u8]) -> Result<Vec<String>, ReadError> {
//!     let mut names = Vec::new();
//!     for resource_spans in TracesRequest::new(request).resource_spans() {
//!         for scope_spans in resource_spans?.scope_spans() {
//!             for span in scope_spans?.spans() {
//!                 names.push(span?.name.to_str()?.to_owned());
//!             }
//!         }
//!     }
//!     Ok(names)
//! }
//!
//! // resource_spans { scope_spans { spans { name: "hi" } } }
//! let request = b"\x0a\x08\x12\x06\x12\x04\x2a\x02hi";
//! assert_eq!(names(request)?, ["hi"]);
//! # Ok::<(), ReadError>(())
//! ```
//!
//! # What is checked when
//!
//! A message is read in one scan of its own fields as it comes out of an iterator: keys, wire types, lengths,
//! varints, id lengths. Of the messages within it only the lengths are known until they are read themselves.
//! Text stays [`Text`], bytes not yet known to be UTF-8: who keeps a dictionary of strings needs the check only
//! for a string that it does not hold yet, for equality with a checked one proves the rest.
//!
//! So a request is proved good by a walk that reads everything and checks every text, and
//! [`TracesRequest::validate`] is that walk. Parts that are kept as bytes are checked by their own `validate`.
//! All errors of a lazy walk are also errors of `validate`, which knows where in the request they are: who
//! meets one while walking can ask `validate` for the better description. What a lazy walk does not read, such
//! as the attributes of a span that it refuses, it does not check either.
//!
//! # Agreement with prost
//!
//! A validated request is one that `prost` decodes into the structs of `opentelemetry-proto`, and every value
//! is the same: unknown fields are skipped (groups too), fields come in any order, the last of a repeated
//! scalar or oneof counts, a wrong wire type is an error, a replaced value must have been valid. The
//! deliberate differences:
//!
//! 1. **Id lengths.** A trace id has 16 bytes, a span id 8, or either has none; `prost` accepts any. The
//!    [data model] calls other lengths invalid, and such an id could not be found again.
//! 2. **A singular message that occurs twice is refused**: resource, scope, an attribute's value, and an array
//!    or a map that follows another one in the same value. `prost` merges their fields. A resource and a scope
//!    are identified by their bytes and kept as such, which a merged one does not have, and encoders write
//!    each message once. (Two statuses are merged: their fields are plain members of [`Span`] here.)
//! 3. **Nesting.** Values nest up to [`MAX_DEPTH`] levels; `prost` counts messages instead and stops at 100 of
//!    them, which is 32 levels of maps or 48 of arrays. Groups in unknown fields nest up to [`MAX_DEPTH`]
//!    levels, where `prost` allows what is left of its 100.
//!
//! # Fields that trace requests do not use
//!
//! `AnyValue.string_value_strindex` and `KeyValue.key_strindex` point into the dictionary of a profile. As
//! [`common.proto`] asks, they are no error, and the value or key counts as absent. `Resource.entity_refs`
//! can be read, and stays in [`Resource::bytes`] for who does not. Fields that early versions of OTLP had
//! (`instrumentation_library_spans`, the deprecated status code) are reserved numbers today: unknown, and
//! skipped.
//!
//! [data model]: https://opentelemetry.io/docs/specs/otel/trace/api/#spancontext
//! [`common.proto`]: https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/common/v1/common.proto

mod cursor;
mod error;
mod event;
mod repeated;
mod request;
mod resource;
mod scalar;
mod span;
#[cfg(test)]
pub(crate) mod tests;
mod text;
mod value;
mod visit;

pub use error::{ReadError, ReadErrorKind};
pub use event::{Event, Link};
pub use repeated::Repeated;
pub use request::{ResourceSpans, ResourceSpansIter, ScopeSpans, TracesRequest};
pub use resource::{EntityRef, Resource, Scope};
pub use scalar::{Foreseen, KeyPrefix, MaybeScalar, Scalar, ShortValue};
pub use span::Span;
pub use text::Text;
pub use value::{AnyValue, KeyValue};
pub use visit::Visitor;

/// How deep values nest: an attribute's value is level 1, what it contains is level 2.
pub const MAX_DEPTH: u8 = 64;
