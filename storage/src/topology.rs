//! What happened between services, per lane: RED figures and edges, derived from spans.
//!
//! [`derive()`] looks at the spans of one trace that are known and says, for each, its lane and the hop that ends with it. Figures are
//! *sums* over spans, and the sum is kept right by differences: when more spans of a trace arrive, what was derived from the earlier ones
//! is taken back where it has changed ([`Contribution`]). So any split, order, repetition or restart gives the figures of a batch over all
//! spans at once, which is what the reference store computes.
//!
//! Most traces are built as others were. Contributions of a trace depend on its *shape* alone, that is on the roles of its spans and on which is
//! whose parent; so the keys that all of it counts under are looked up once, as a *plan* of that shape, and only times are new.
//!
//! | term | meaning |
//! | --- | --- |
//! | [`Role`] | all that the figures of a span need of it but its ids and times; few spans have one of their own |
//! | [`Contribution`] | what one span adds to figures, given the rest of its trace |
//! | [`Figures`] | sums of contributions, by key and time |
//! | [`Hop`] | one call between two nodes, seen by the caller, the callee, or both |

mod admission;
mod batch;
mod by_id;
mod cells;
mod contribution;
mod derive;
mod entries;
mod explain;
mod figures;
mod key;
mod keys;
mod ledger;
mod node;
mod numbering;
mod peer;
mod plans;
mod presence;
mod role;
mod roles;
mod shape;
mod sums;
#[cfg(test)]
mod tests;
mod totals;

pub use admission::{Admission, AdmissionLimits, OTHER};
pub use batch::{figures_of, known_spans};
pub(crate) use cells::{At, Cells};
pub use contribution::{Calling, Contribution, End, Hop};
pub use derive::{Deriver, derive};
pub use explain::{ExplainedHop, ExplainedSpan, explain};
pub use figures::{EdgeFigures, Exemplars, Figures, FiguresQuery, RedFigures, Resolution, TraceAt};
pub use key::{EdgeKey, EdgeLevel, EdgeSide, Outcome, Provenance, RedKey, Verdict};
pub(crate) use keys::Keys;
pub use ledger::Ledger;
pub use node::{Node, NodeKind};
pub(crate) use peer::is_said_by;
pub use peer::{PEER_ATTRIBUTES, Peer};
pub use presence::{PRESENCE_WINDOW, Presence};
pub use role::{Caller, KnownSpan, Place, Role, RoleId, TraceState};
pub(crate) use role::{calling_span, was_called_by};
pub use roles::{LaneId, Roles};
pub(crate) use sums::{EdgeSum, RedSum, TakeSums};
pub(crate) use totals::Addition;
pub use totals::Totals;
