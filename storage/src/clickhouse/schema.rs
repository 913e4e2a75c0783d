//! The schema: numbered migrations, generated for one server or for a cluster from the same templates.
//!
//! A template is a file of statements. `${name}` stands for what depends on the options; a statement under a comment that begins with
//! `-- cluster:` is for clusters only. In a cluster every table has its rows in a table of the same name with `_local` on each shard.

use std::time::Duration;

use super::ttl;

/// A step of the schema. Each of its statements may be repeated.
#[derive(Debug, Clone, Copy)]
pub(super) struct Migration {
    /// By which it is noted that it was applied.
    pub(super) number: u32,
    pub(super) name: &'static str,
    template: &'static str,
}

/// All of them, in the order in which they are applied. What was released is never changed: a new one is added. One that makes tables in
/// another way than those before did comes before them, so that they find them made.
pub(super) const MIGRATIONS: [Migration; 5] = [
    Migration { number: 4, name: "tables", template: include_str!("migrations/0004_tables.sql") },
    Migration { number: 1, name: "spans", template: include_str!("migrations/0001_spans.sql") },
    Migration { number: 2, name: "operations", template: include_str!("migrations/0002_operations.sql") },
    Migration { number: 3, name: "figures", template: include_str!("migrations/0003_figures.sql") },
    Migration { number: 5, name: "codecs", template: include_str!("migrations/0005_codecs.sql") },
];

/// Where it is noted which of them were applied.
const LOG: &str = "CREATE TABLE IF NOT EXISTS laneway_migrations${on_cluster}
(
    `Number` UInt32,
    `Name` String,
    `Applied` DateTime DEFAULT now()
)
ENGINE = ${engine}ReplacingMergeTree
ORDER BY Number";

/// What the comment of a table of spans begins with that was not adopted.
pub(super) const MADE_HERE: &str = "Made by Laneway";

/// Of so many inserts per table it is remembered whether they were done.
const REMEMBERED_INSERTS: u32 = 10_000;
/// In a cluster, for so long.
const REMEMBERED_INSERTS_SECONDS: u32 = 7 * 24 * 3600;

/// What the schema depends on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SchemaOptions {
    /// The cluster's name, which may be a macro such as `{cluster}`. Default: none, tables are on one server.
    pub cluster: Option<String>,
    /// The storage policy of new tables, for example one with a hot and a cold volume. Default: the server's.
    pub storage_policy: Option<String>,
    /// Spans that started longer ago are removed, by whole parts. Default: none are.
    pub spans_max_age: Option<Duration>,
    /// Figures of buckets that are older are removed in the same way. Default: none are.
    pub figures_max_age: Option<Duration>,
}

/// A name that would end a literal, or do worse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} {value:?} may have letters, digits and _-.{{}} only")]
pub struct InvalidName {
    /// Which name.
    pub name: &'static str,
    /// What it is.
    pub value: String,
}

impl SchemaOptions {
    /// Whether the names can stand in statements: statements of the schema have no parameters.
    ///
    /// # Errors
    /// With the first that cannot.
    pub fn check(&self) -> Result<(), InvalidName> {
        for (name, value) in [("cluster", &self.cluster), ("storage_policy", &self.storage_policy)] {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-.{}".contains(c);
            if let Some(value) = value.as_ref().filter(|value| !value.chars().all(is_plain)) {
                return Err(InvalidName { name, value: value.clone() });
            }
        }
        Ok(())
    }

    /// The statement that makes the log of migrations.
    pub(super) fn log(&self) -> String {
        self.render(LOG)
    }

    /// The name of the table in which this server, or this shard, has the rows.
    pub(super) fn local(&self, table: &str) -> String {
        format!("{table}{}", if self.cluster.is_some() { "_local" } else { "" })
    }

    /// ` ON CLUSTER …`, or nothing.
    pub(super) fn on_cluster(&self) -> String {
        self.cluster.as_ref().map_or(String::new(), |name| format!(" ON CLUSTER '{name}'"))
    }

    fn render(&self, template: &str) -> String {
        let is_cluster = self.cluster.is_some();
        let deduplication = if is_cluster {
            format!(
                "replicated_deduplication_window = {REMEMBERED_INSERTS}, \
                 replicated_deduplication_window_seconds = {REMEMBERED_INSERTS_SECONDS}"
            )
        } else {
            format!("non_replicated_deduplication_window = {REMEMBERED_INSERTS}")
        };
        let on_cluster = self.on_cluster();
        let policy = self.storage_policy.as_ref();
        let policy = policy.map_or(String::new(), |name| format!(", storage_policy = '{name}'"));
        let mut out = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after.split_once('}').expect("a template closes its braces");
            out.push_str(before);
            match name.split_once(':') {
                Some(("ttl", time)) => out.extend(ttl_clause(time, self.spans_max_age)),
                Some(("figures_ttl", time)) => out.extend(ttl_clause(time, self.figures_max_age)),
                _ => out.push_str(match name {
                    "local" if is_cluster => "_local",
                    "engine" if is_cluster => "Replicated",
                    "on_cluster" => &on_cluster,
                    "cluster" => self.cluster.as_deref().unwrap_or_default(),
                    "deduplication" => &deduplication,
                    "policy" => &policy,
                    "made_here" => MADE_HERE,
                    _ => "",
                }),
            }
            rest = after;
        }
        out.push_str(rest);
        out
    }
}

fn ttl_clause(time: &str, max_age: Option<Duration>) -> Option<String> {
    Some(format!("TTL {}", ttl::ttl(time, max_age?.as_secs())))
}

impl Migration {
    /// Its statements, in their order.
    pub(super) fn statements(&self, options: &SchemaOptions) -> Vec<String> {
        let statements = self.template.split(";\n").map(str::trim).filter(|statement| !statement.is_empty());
        statements
            .filter(|statement| options.cluster.is_some() || !statement.starts_with("-- cluster:"))
            .map(|statement| {
                let is_comment = |line: &&str| !line.starts_with("--");
                let lines: Vec<&str> = statement.lines().filter(is_comment).collect();
                let text = options.render(&lines.join("\n"));
                text.lines().filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
            })
            .collect()
    }
}
