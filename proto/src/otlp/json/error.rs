//! What is wrong with a request in JSON, and where.

use std::fmt::Write;

/// Why JSON is not a trace request: `resourceSpans[0].scopeSpans[0].spans[3].kind: an enum name ... (line 1,
/// column 311)`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{message} (line {line}, column {column})", Prefix(path))]
pub struct JsonError {
    path: String,
    message: String,
    line: usize,
    column: usize,
}

/// One step from a value to one within it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    Key(&'static str),
    Index(usize),
}

/// The longest message, in bytes: it may quote from the request.
const MAX_MESSAGE_LEN: usize = 200;

impl JsonError {
    /// The error that parsing ended with, and the steps to it, the last one first.
    #[cold]
    pub(super) fn new(error: &serde_json::Error, steps: &[Step]) -> Self {
        let (line, column) = (error.line(), error.column());
        let mut message = error.to_string();
        if let Some(len) = message.strip_suffix(&format!(" at line {line} column {column}")).map(str::len) {
            message.truncate(len);
        }
        if message.len() > MAX_MESSAGE_LEN {
            message.truncate(message.floor_char_boundary(MAX_MESSAGE_LEN));
            message.push_str("...");
        }
        Self { path: path(steps), message, line, column }
    }

    /// Where in the request: such as `resourceSpans[0].scopeSpans[0].spans[3].kind`; empty for the request
    /// itself.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The line, from 1.
    pub const fn line(&self) -> usize {
        self.line
    }

    /// The byte within the line, from 1; the problem is there or shortly before.
    pub const fn column(&self) -> usize {
        self.column
    }
}

fn path(steps: &[Step]) -> String {
    let mut path = String::new();
    for step in steps.iter().rev() {
        match step {
            Step::Key(key) if path.is_empty() => path.push_str(key),
            Step::Key(key) => path.extend([".", key]),
            // A String takes every character.
            Step::Index(index) => drop(write!(path, "[{index}]")),
        }
    }
    path
}

/// The path and a colon, unless it is empty.
struct Prefix<'a>(&'a str);

impl std::fmt::Display for Prefix<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, "{}: ", self.0) }
    }
}
