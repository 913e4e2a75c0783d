//! As much of SQL as it takes to say what a query does without saying what is in it.
//!
//! It is no parser: a query that no database would accept has tokens too. What is ambiguous is taken for a literal, so that it is not
//! recorded.

mod summary;

pub(super) use summary::summary;

/// Bytes of a query that are looked at: more than the limit of an attribute are not recorded either, by default.
const MAX_BYTES: usize = 32 * 1024;

/// Where the languages differ in what is a literal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Double quotes are around names, a backslash is a character like others, `$tag$` is a quote.
    Standard,
    /// MySQL and MariaDB, as they are set by default: double quotes are around text, a backslash escapes, `#` begins a comment.
    MySql,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A keyword, or a name that is not quoted.
    Word,
    /// A name in quotes.
    QuotedName,
    /// Text, a number, bits, a truth value.
    Literal,
    Comment,
    /// `$1`, `?1`.
    Placeholder,
    Space,
    /// Any other character, on its own.
    Symbol,
}

/// Tokens of a query, white space and comments among them: joined they are the query.
struct Tokens<'a> {
    rest: &'a str,
    dialect: Dialect,
}

impl<'a> Tokens<'a> {
    fn new(query: &'a str, dialect: Dialect) -> Self {
        Self { rest: query, dialect }
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = (Kind, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let (kind, len) = token(self.rest, self.dialect)?;
        let (text, rest) = self.rest.split_at(len);
        self.rest = rest;
        Some((kind, text))
    }
}

/// The first token, and its length in bytes; `None` at the end.
fn token(text: &str, dialect: Dialect) -> Option<(Kind, usize)> {
    let is_mysql = dialect == Dialect::MySql;
    let first = text.chars().next()?;
    let second = text[first.len_utf8()..].chars().next().unwrap_or_default();
    let while_in = |is_part: fn(char) -> bool| text.find(|c| !is_part(c)).unwrap_or(text.len());
    Some(match (first, second) {
        ('-', '-') => (Kind::Comment, line(text)),
        ('#', _) if is_mysql => (Kind::Comment, line(text)),
        ('/', '*') => (Kind::Comment, block_comment(text)),
        ('\'', _) => (Kind::Literal, quoted(text, '\'', is_mysql)),
        ('"', _) if is_mysql => (Kind::Literal, quoted(text, '"', true)),
        ('"' | '`', _) => (Kind::QuotedName, quoted(text, first, false)),
        ('e' | 'E', '\'') => (Kind::Literal, 1 + quoted(&text[1..], '\'', true)),
        ('b' | 'B' | 'n' | 'N' | 'x' | 'X', '\'') => (Kind::Literal, 1 + quoted(&text[1..], '\'', is_mysql)),
        ('$' | '?', '0'..='9') => (Kind::Placeholder, 1 + digits(&text[1..])),
        ('$', _) if !is_mysql => match dollar_quoted(text) {
            Some(len) => (Kind::Literal, len),
            None => (Kind::Symbol, 1),
        },
        ('0'..='9', _) | ('.', '0'..='9') => {
            (Kind::Literal, while_in(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_')))
        }
        _ if is_name_start(first) => {
            let len = while_in(|c| is_name_start(c) || c.is_ascii_digit() || c == '$');
            let is_truth_value = is_any(&text[..len], &["TRUE", "FALSE"]);
            (if is_truth_value { Kind::Literal } else { Kind::Word }, len)
        }
        _ if first.is_whitespace() => (Kind::Space, while_in(char::is_whitespace)),
        _ => (Kind::Symbol, first.len_utf8()),
    })
}

fn is_name_start(c: char) -> bool {
    c.is_alphabetic() || c == '_' || (!c.is_ascii() && !c.is_whitespace())
}

fn is_any(word: &str, words: &[&str]) -> bool {
    words.iter().any(|other| word.eq_ignore_ascii_case(other))
}

fn digits(text: &str) -> usize {
    text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len())
}

fn line(text: &str) -> usize {
    text.find('\n').unwrap_or(text.len())
}

/// Comments nest in PostgreSQL. Elsewhere what follows an inner one is taken for a comment too, and so is not recorded.
fn block_comment(text: &str) -> usize {
    let mut depth = 0usize;
    let mut at = 0;
    while let Some(found) = text[at..].find(['/', '*']) {
        at += found;
        match text.as_bytes().get(at..at + 2) {
            Some(b"/*") => (depth, at) = (depth + 1, at + 2),
            Some(b"*/") => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// Up to the quote that is neither doubled nor escaped, or to the end.
fn quoted(text: &str, quote: char, has_escapes: bool) -> usize {
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = characters.next() {
        if c == '\\' && has_escapes {
            characters.next();
        } else if c == quote && characters.next_if(|(_, next)| *next == quote).is_none() {
            return at + 1;
        }
    }
    text.len()
}

/// `$$text$$` and `$tag$text$tag$`; `None` where it is neither.
fn dollar_quoted(text: &str) -> Option<usize> {
    let tag_end = 1 + text[1..].find(|c: char| !(is_name_start(c) || c.is_ascii_digit()))?;
    if !text[tag_end..].starts_with('$') {
        return None;
    }
    let (tag, body) = text.split_at(tag_end + 1);
    Some(body.find(tag).map_or(text.len(), |at| tag.len() + at + tag.len()))
}

/// The query with `?` for each literal and without comments: what may be recorded of one that holds its values.
pub(super) fn redacted(query: &str, dialect: Dialect) -> String {
    let mut redacted = String::new();
    for (kind, text) in Tokens::new(head(query), dialect) {
        match kind {
            Kind::Literal => redacted.push('?'),
            Kind::Comment => {}
            _ => redacted.push_str(text),
        }
    }
    redacted
}

/// The query with a comment behind it; `None` where it has one already, or is too long to say.
pub(super) fn commented(query: &str, comment: &str, dialect: Dialect) -> Option<String> {
    let has_comment = |(kind, _)| kind == Kind::Comment;
    if query.len() > MAX_BYTES || Tokens::new(query, dialect).any(has_comment) {
        return None;
    }
    Some(format!("{query} {comment}"))
}

fn head(query: &str) -> &str {
    &query[..query.floor_char_boundary(MAX_BYTES)]
}

#[cfg(test)]
mod tests;
