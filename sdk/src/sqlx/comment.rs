//! Trace and lane as a comment of a query, by the specification of sqlcommenter
//! (<https://google.github.io/sqlcommenter/spec/>).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::context::Context;
use crate::propagation;

/// All but the unreserved characters of RFC 3986, section 2.3. A quote or an asterisk is not among these, so that nothing ends the
/// comment early.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// `/*lane='grey',traceparent='00-...'*/`; `None` outside of a trace and of all lanes but the baseline.
///
/// Of baggage there is the lane alone: a database's log is read by others than those whom the rest is for.
pub(super) fn comment(context: &Context) -> Option<String> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    propagation::inject_external(context, &mut pairs);
    if !context.lane().is_base() {
        pairs.push(("lane".to_owned(), context.lane().as_str().to_owned()));
    }
    if pairs.is_empty() {
        return None;
    }
    pairs.sort_unstable();
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(key, value)| {
            format!("{}='{}'", utf8_percent_encode(key, ENCODED), utf8_percent_encode(value, ENCODED))
        })
        .collect();
    Some(format!("/*{}*/", pairs.join(",")))
}
