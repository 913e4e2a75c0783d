//! Looking at spans: a tree to compare, attributes to ask for.

use std::fmt::Write;

use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};

pub(crate) struct Spans(pub(crate) Vec<Span>);

impl Spans {
    pub(crate) fn new(received: &[ResourceSpans]) -> Self {
        let scopes = received.iter().flat_map(|resource| &resource.scope_spans);
        let mut spans: Vec<Span> = scopes.flat_map(|scope| scope.spans.clone()).collect();
        spans.sort_by_key(|span| span.start_time_unix_nano);
        Self(spans)
    }

    /// The only span of this name.
    #[track_caller]
    pub(crate) fn named(&self, name: &str) -> &Span {
        let mut found = self.0.iter().filter(|span| span.name == name);
        match (found.next(), found.next()) {
            (Some(span), None) => span,
            (None, _) => panic!("no span {name:?} in:\n{}", self.tree()),
            (Some(_), Some(_)) => panic!("several spans {name:?} in:\n{}", self.tree()),
        }
    }

    /// One line a span, children under their parents in the order of their starts: kind, name, lane unless it is the
    /// baseline, `!` when it failed. Each root begins a new trace unless it has the trace id of an earlier one.
    pub(crate) fn tree(&self) -> String {
        let mut tree = String::new();
        let is_root = |span: &&Span| !self.0.iter().any(|other| other.span_id == span.parent_span_id);
        for root in self.0.iter().filter(is_root) {
            self.draw(root, 0, &mut tree);
        }
        tree
    }

    fn draw(&self, span: &Span, depth: usize, tree: &mut String) {
        let kind = span.kind().as_str_name().trim_start_matches("SPAN_KIND_").to_lowercase();
        let lane = match text(&span.attributes, "lane").unwrap_or("none") {
            "base" => String::new(),
            lane => format!(" [{lane}]"),
        };
        let failed = if is_error(span) { " !" } else { "" };
        writeln!(tree, "{:1$}{kind} {2}{lane}{failed}", "", 2 * depth, span.name).unwrap();
        for child in &self.0 {
            if child.parent_span_id == span.span_id && !span.span_id.is_empty() {
                assert_eq!(child.trace_id, span.trace_id, "a child is of its parent's trace");
                self.draw(child, depth + 1, tree);
            }
        }
    }

    /// Compares the tree with lines that may be indented as the test is.
    #[track_caller]
    pub(crate) fn assert_tree(&self, expected: &str) {
        let lines = || expected.lines().filter(|line| !line.trim().is_empty());
        let margin = lines().map(|line| line.len() - line.trim_start().len()).min().unwrap_or(0);
        let expected: String = lines().map(|line| format!("{}\n", line[margin..].trim_end())).collect();
        assert_eq!(self.tree(), expected, "left: what was recorded");
    }
}

pub(crate) fn value<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a any_value::Value> {
    let mut found = attributes.iter().filter(|attribute| attribute.key == key);
    let value = found.next()?.value.as_ref()?.value.as_ref();
    assert!(found.next().is_none(), "the key {key:?} is there twice");
    value
}

pub(crate) fn text<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a str> {
    match value(attributes, key)? {
        any_value::Value::StringValue(text) => Some(text),
        other => panic!("{key:?} is no text but {other:?}"),
    }
}

pub(crate) fn int(attributes: &[KeyValue], key: &str) -> Option<i64> {
    match value(attributes, key)? {
        any_value::Value::IntValue(int) => Some(*int),
        other => panic!("{key:?} is no integer but {other:?}"),
    }
}

pub(crate) fn is_error(span: &Span) -> bool {
    span.status.as_ref().is_some_and(|status| status.code == 2)
}

pub(crate) fn status_message(span: &Span) -> &str {
    span.status.as_ref().map_or("", |status| &status.message)
}
