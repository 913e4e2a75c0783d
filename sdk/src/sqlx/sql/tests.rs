use proptest::prelude::*;

use super::Dialect::{MySql, Standard};
use super::{Kind, Tokens, commented, redacted, summary};

/// The first five are the examples of the conventions, but that text is no name here.
#[test]
fn a_summary_is_operations_and_tables() {
    for (query, expected) in [
        ("SELECT *\nFROM   wuser_table\nWHERE  username = ?", "SELECT wuser_table"),
        (
            "INSERT INTO shipping_details (order_id, address) SELECT order_id, address FROM orders WHERE order_id = ?",
            "INSERT shipping_details SELECT orders",
        ),
        ("SELECT * FROM songs, artists WHERE songs.artist_id == artists.id", "SELECT songs artists"),
        (
            "SELECT order_date FROM (SELECT * FROM orders o JOIN customers c ON o.customer_id = c.customer_id)",
            "SELECT SELECT orders customers",
        ),
        ("SELECT * FROM \"song list\", 'artists'", "SELECT \"song list\""),
        ("call some_stored_procedure($1)", "call some_stored_procedure"),
        ("select 1", "select"),
        ("BEGIN", "BEGIN"),
        ("", ""),
        ("-- a comment alone", ""),
        (
            "SELECT * FROM shop.\"carts\" c, ONLY items AS i WHERE a IN (1, b), c",
            "SELECT shop.\"carts\" items",
        ),
        ("UPDATE carts SET n = n + 1 FROM items WHERE x IS DISTINCT FROM y", "UPDATE carts items"),
        ("INSERT INTO t VALUES (1, 'FROM x') ON CONFLICT (id) DO UPDATE SET a = 1", "INSERT t"),
        ("SELECT n FROM t WHERE id = $1 FOR UPDATE", "SELECT t"),
        ("SELECT EXTRACT(YEAR FROM born), TRIM(BOTH FROM name) FROM users", "SELECT users"),
        (
            "WITH old AS (DELETE FROM a RETURNING *) INSERT INTO b SELECT * FROM old",
            "DELETE a INSERT b SELECT old",
        ),
        ("DELETE FROM carts USING users WHERE true", "DELETE carts"),
        ("SELECT a FROM t UNION ALL SELECT b FROM u GROUP BY x, y", "SELECT t SELECT u"),
        ("SELECT 1 FROM t WHERE EXISTS (SELECT 1 FROM u, v), w", "SELECT t SELECT u v"),
        ("CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS by_name ON carts (name)", "CREATE INDEX by_name"),
        ("CREATE TEMP TABLE x (id int REFERENCES y ON DELETE CASCADE)", "CREATE TABLE x"),
        ("DROP TABLE IF EXISTS a.b", "DROP TABLE a.b"),
        ("TRUNCATE TABLE x", "TRUNCATE TABLE x"),
        ("SELECT 1; DELETE FROM x; COMMIT", "SELECT DELETE x COMMIT"),
        ("EXPLAIN ANALYZE UPDATE carts SET a = 1", "EXPLAIN UPDATE carts"),
        ("SET app.secret = 'x'", "SET"),
        ("SELECT * FROM generate_series(1, 9), t", "SELECT generate_series t"),
    ] {
        assert_eq!(summary(query, Standard), expected, "{query}");
    }
    assert_eq!(summary("SELECT * FROM `my carts` WHERE a = \"FROM\"", MySql), "SELECT `my carts`");
    assert_eq!(summary("REPLACE INTO t VALUES (1)", MySql), "REPLACE t");
}

/// No part of a name is better than half of one.
#[test]
fn a_summary_has_an_end_between_names() {
    let tables: Vec<String> = (0..100).map(|n| format!("table_{n}")).collect();
    let summary = summary(&format!("SELECT * FROM {}", tables.join(", ")), Standard);
    assert!(summary.len() <= 255 && summary.len() > 245, "{summary}");
    assert!(tables.contains(&summary.rsplit(' ').next().unwrap().to_owned()), "{summary}");
}

#[test]
fn literals_and_comments_are_not_recorded() {
    for (query, expected) in [
        ("SELECT a1, 'it''s', -1.5e3, .5, 0xFF FROM t2 -- why", "SELECT a1, ?, -?, ?, ? FROM t2 "),
        ("a = E'\\'' AND b = 'c\\' AND d = X'1F' AND é = true", "a = ? AND b = ? AND d = ? AND é = ?"),
        ("SELECT $1, $$a'b$$, $q$ $$ $q$, ?2, \"a'b\"", "SELECT $1, ?, ?, ?2, \"a'b\""),
        ("/* a /* b */ c */SELECT 1/2", "SELECT ?/?"),
        ("SELECT 'unfinished", "SELECT ?"),
        ("SELECT $$unfinished", "SELECT ?"),
        ("SELECT /* unfinished", "SELECT "),
    ] {
        assert_eq!(redacted(query, Standard), expected, "{query}");
    }
    assert_eq!(redacted("a = 'it\\'s' AND b = \"\\\"c\" # why", MySql), "a = ? AND b = ? ");
}

#[test]
fn a_query_gets_one_comment_at_most() {
    assert_eq!(commented("SELECT '--'", "/*a='b'*/", Standard).unwrap(), "SELECT '--' /*a='b'*/");
    assert_eq!(commented("SELECT 1 -- one", "/*a='b'*/", Standard), None);
    assert_eq!(commented("/* one */ SELECT 1", "/*a='b'*/", Standard), None);
    assert_eq!(commented(&"x".repeat(40_000), "/*a='b'*/", Standard), None);
}

proptest! {
    #[test]
    fn tokens_are_the_query(query in "[ -~éß\n]{0,80}|([a-z]{1,3}|['\"`$#*/.,;()\\\\ -]){0,40}", mysql: bool) {
        let dialect = if mysql { MySql } else { Standard };
        let tokens: Vec<(Kind, &str)> = Tokens::new(&query, dialect).collect();
        prop_assert!(tokens.iter().all(|(_, text)| !text.is_empty()));
        prop_assert_eq!(tokens.iter().map(|(_, text)| *text).collect::<String>(), query.clone());
        prop_assert!(summary(&query, dialect).len() <= 255);
    }

    /// Whatever text is quoted as its database wants it, none of it is recorded.
    #[test]
    fn no_text_is_recorded(text in "[ -~\n]{0,40}", mysql: bool) {
        let (dialect, quoted) = if mysql {
            (MySql, text.replace('\\', "\\\\").replace('\'', "\\'"))
        } else {
            (Standard, text.replace('\'', "''"))
        };
        let query = format!("SELECT * FROM t WHERE a = '{quoted}' AND b = 7");
        prop_assert_eq!(redacted(&query, dialect), "SELECT * FROM t WHERE a = ? AND b = ?");
        prop_assert_eq!(summary(&query, dialect), "SELECT t");
    }
}
