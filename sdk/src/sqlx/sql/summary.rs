//! What a query does, and to what: `SELECT carts items`.

use super::{Dialect, Kind, Tokens, head, is_any};

/// OpenTelemetry's limit, in characters; ours are bytes.
const MAX_BYTES: usize = 255;

/// Operations and the tables they are applied to, in order, by OpenTelemetry's "Generating a summary of the query"; empty for a query
/// without words. A name of a `WITH` clause counts as a table where it is selected from.
pub(in crate::sqlx) fn summary(query: &str, dialect: Dialect) -> String {
    let mut writer = Writer { summary: String::new(), ..Writer::default() };
    for (kind, text) in Tokens::new(head(query), dialect) {
        match kind {
            Kind::Space | Kind::Comment => continue,
            Kind::Word if writer.is_qualified() => writer.extend(text),
            Kind::Word => writer.word(text),
            Kind::QuotedName => writer.name(text),
            Kind::Symbol => writer.symbol(text),
            Kind::Literal | Kind::Placeholder => writer.wants_target = false,
        }
        writer.previous = text;
        if writer.is_full {
            break;
        }
    }
    writer.summary
}

/// What a query, or one in parentheses, is at.
#[derive(Debug, Clone, Copy, Default)]
struct Level {
    /// It is a statement whose `FROM` names tables, and not that of `EXTRACT(YEAR FROM ...)`.
    awaits_from: bool,
    /// Within a list of tables, where a comma is followed by another.
    in_tables: bool,
}

#[derive(Debug, Default)]
struct Writer<'a> {
    summary: String,
    is_full: bool,
    level: Level,
    outer: Vec<Level>,
    wants_target: bool,
    /// The last token was a target, which may go on after a dot.
    is_in_name: bool,
    /// `CREATE`, `ALTER` or `DROP` was last: what kind of thing comes next.
    wants_kind: bool,
    previous: &'a str,
}

impl<'a> Writer<'a> {
    fn push(&mut self, text: &str) {
        let space = usize::from(!self.summary.is_empty());
        self.is_full |= self.summary.len() + space + text.len() > MAX_BYTES;
        if !self.is_full {
            self.summary.push_str(&" "[..space]);
            self.summary.push_str(text);
        }
    }

    /// Whether this token continues a name, as `carts` does in `shop.carts`.
    fn is_qualified(&self) -> bool {
        self.is_in_name && self.previous == "."
    }

    fn extend(&mut self, text: &str) {
        self.is_full |= self.summary.len() + text.len() > MAX_BYTES;
        if !self.is_full {
            self.summary.push_str(text);
        }
    }

    fn target(&mut self, text: &str) {
        self.push(text);
        (self.wants_target, self.is_in_name) = (false, true);
    }

    fn name(&mut self, text: &'a str) {
        if self.is_qualified() {
            self.extend(text);
        } else if self.wants_target {
            self.target(text);
        } else {
            self.is_in_name = false;
        }
    }

    fn symbol(&mut self, text: &'a str) {
        match text {
            "." if self.is_in_name => return self.extend(text),
            "(" => {
                self.outer.push(std::mem::take(&mut self.level));
                self.wants_target = false;
            }
            ")" => {
                self.level = self.outer.pop().unwrap_or_default();
                self.wants_target = false;
            }
            ";" => (self.level, self.wants_target) = (Level::default(), false),
            "," => self.wants_target = self.level.in_tables,
            _ => self.wants_target = false,
        }
        self.is_in_name = false;
        self.wants_kind = false;
    }

    fn word(&mut self, word: &'a str) {
        self.is_in_name = false;
        // Where a statement may begin: first, in parentheses, and after those of a WITH clause.
        let is_begin = self.previous.is_empty() || self.previous == ";";
        let may_begin = is_begin
            || matches!(self.previous, "(" | ")")
            || is_any(self.previous, &["EXPLAIN", "ANALYZE", "VERBOSE"]);
        if is_any(word, &["SELECT"]) || (may_begin && is_any(word, &["INSERT", "UPDATE", "DELETE", "MERGE"]))
        {
            self.push(word);
            self.level = Level { awaits_from: !is_any(word, &["INSERT", "MERGE"]), in_tables: false };
            self.wants_target = is_any(word, &["UPDATE"]);
        } else if is_begin {
            if !is_any(word, &["WITH"]) {
                self.push(word);
            }
            self.wants_kind = is_any(word, &["CREATE", "ALTER", "DROP"]);
            self.wants_target =
                is_any(word, &["CALL", "EXEC", "EXECUTE", "COPY", "TRUNCATE", "REFRESH", "LOCK"]);
        } else if self.wants_kind {
            if is_any(word, KINDS) {
                self.push(word);
                (self.wants_kind, self.wants_target) = (false, true);
            }
        } else if self.wants_target {
            self.word_for_target(word);
        } else {
            self.clause(word);
        }
    }

    fn word_for_target(&mut self, word: &'a str) {
        if is_any(word, &["TABLE"]) {
            self.push(word);
        } else if !is_any(word, BEFORE_TARGET) {
            self.target(word);
        }
    }

    fn clause(&mut self, word: &'a str) {
        if is_any(word, &["FROM"]) {
            // `a IS DISTINCT FROM b`.
            if self.level.awaits_from && !is_any(self.previous, &["DISTINCT"]) {
                self.level = Level { awaits_from: false, in_tables: true };
                self.wants_target = true;
            }
        } else if is_any(word, &["INTO", "JOIN"]) {
            self.wants_target = true;
        } else if is_any(word, AFTER_TABLES) {
            self.level.in_tables = false;
        }
    }
}

/// What can be created.
const KINDS: &[&str] = &[
    "DATABASE",
    "EXTENSION",
    "FUNCTION",
    "INDEX",
    "PROCEDURE",
    "ROLE",
    "SCHEMA",
    "SEQUENCE",
    "TABLE",
    "TRIGGER",
    "TYPE",
    "USER",
    "VIEW",
];

/// What can stand before the name of a table or of what is created.
const BEFORE_TARGET: &[&str] = &[
    "CONCURRENTLY",
    "EXISTS",
    "IF",
    "IGNORE",
    "LATERAL",
    "MATERIALIZED",
    "NOT",
    "ONLY",
    "OR",
    "REPLACE",
    "VIEW",
];

/// What ends the list of tables.
const AFTER_TABLES: &[&str] = &[
    "EXCEPT",
    "FETCH",
    "FOR",
    "GROUP",
    "HAVING",
    "INTERSECT",
    "LIMIT",
    "OFFSET",
    "ORDER",
    "RETURNING",
    "SET",
    "UNION",
    "USING",
    "VALUES",
    "WHERE",
    "WINDOW",
];
