//! Reads the layers of the configuration and gathers every problem.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use figment::providers::{Format, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};

use super::option::OptionSpec;
use super::value::OptionValue;

/// Where values come from, beside the defaults.
#[derive(Debug, Clone, Default)]
pub struct Layers {
    /// The configuration file, as the flag names it. `LANEWAY_CONFIG` stands in for an absent flag.
    pub file: Option<PathBuf>,
    /// The environment: every variable of the process.
    pub env: BTreeMap<String, String>,
    /// Flags that were given, by key: `otlp_grpc`.
    pub flags: BTreeMap<&'static str, String>,
}

impl Layers {
    /// The environment variable that names the configuration file.
    pub const FILE_ENV: &'static str = "LANEWAY_CONFIG";
}

/// One thing that is wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The key, and the value where there is one: `wal.sync = "sometimes"`.
    pub what: String,
    /// Where it was set.
    pub origin: String,
    /// What is wrong with it, and what would be right.
    pub why: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.what, self.origin, self.why)
    }
}

/// Everything that is wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct InvalidConfig {
    /// The problems; at least one.
    pub problems: Vec<Problem>,
}

impl fmt::Display for InvalidConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.len() {
            1 => write!(f, "the configuration has a problem:")?,
            count => write!(f, "the configuration has {count} problems:")?,
        }
        self.problems.iter().try_for_each(|problem| write!(f, "\n  - {problem}"))
    }
}

/// Values of one origin, as a figment provider.
struct Layer {
    origin: &'static str,
    /// How the origin names a key.
    name: fn(&str) -> String,
    values: Dict,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        let name = self.name;
        Metadata::named(self.origin).interpolater(move |_, keys| name(&keys.join(".")))
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

fn env_name(key: &str) -> String {
    format!("environment variable LANEWAY_{}", key.replace('.', "_").to_ascii_uppercase())
}

fn flag_name(key: &str) -> String {
    format!("flag --{}", key.replace('_', "-"))
}

/// Reads options from the merged layers.
#[derive(Debug)]
pub struct Reader {
    figment: Figment,
    file_name: String,
    problems: Vec<Problem>,
}

impl Reader {
    pub(super) fn new(layers: Layers, options: &[OptionSpec]) -> Self {
        let mut problems = Vec::new();
        let file = layers.file.or_else(|| layers.env.get(Layers::FILE_ENV).map(PathBuf::from));
        let file_name = file.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
        let file_values = match file.map(std::fs::read_to_string) {
            None => Dict::new(),
            Some(Ok(text)) => <Toml as Format>::from_str::<Dict>(&text).unwrap_or_else(|error| {
                problems.push(file_problem(
                    &file_name,
                    format!("is not valid TOML: {}", error.to_string().trim()),
                ));
                Dict::new()
            }),
            Some(Err(error)) => {
                problems.push(file_problem(&file_name, format!("cannot be read: {error}")));
                Dict::new()
            }
        };
        unknown_keys(&file_values, "", &file_name, options, &mut problems);

        let mut env_values = Dict::new();
        let mut flag_values = Dict::new();
        for option in options {
            if let Some(text) = layers.env.get(&option.env()) {
                insert(&mut env_values, option, text);
            }
        }
        for option in options.iter().filter(|option| option.section.is_empty()) {
            if let Some(text) = layers.flags.get(option.name) {
                insert(&mut flag_values, option, text);
            }
        }

        let figment = Figment::new()
            .merge(Layer { origin: "file", name: str::to_owned, values: file_values })
            .merge(Layer { origin: "env", name: env_name, values: env_values })
            .merge(Layer { origin: "flag", name: flag_name, values: flag_values });
        Self { figment, file_name, problems }
    }

    /// The value of an option; `None` when it is not set, or is set wrongly.
    pub fn read<T: OptionValue>(&mut self, key: &str, limits: Option<RangeInclusive<T>>) -> Option<T> {
        let value = self.figment.find_value(key).ok()?;
        let Some(read) = T::from_value(&value) else {
            self.problem(key, format!("expected {}", T::KIND.replace('`', "")));
            return None;
        };
        if let Some(limits) = limits.filter(|limits| !limits.contains(&read)) {
            let (least, most) = (limits.start().to_toml(), limits.end().to_toml());
            self.problem(key, format!("must be from {least} to {most}"));
            return None;
        }
        Some(read)
    }

    /// Records a problem with the value that an option has.
    pub fn problem(&mut self, key: &str, why: String) {
        let value = self.figment.find_value(key).ok();
        let metadata = value.as_ref().and_then(|value| self.figment.get_metadata(value.tag()));
        let origin = match metadata {
            None => "default".to_owned(),
            Some(metadata) if metadata.name == "file" => self.file_name.clone(),
            Some(metadata) => {
                let keys: Vec<&str> = key.split('.').collect();
                metadata.interpolate(&Profile::Default, &keys)
            }
        };
        let what = match value {
            Some(value) => format!("{key} = {}", show(&value)),
            None => key.to_owned(),
        };
        self.problems.push(Problem { what, origin, why });
    }

    pub(super) fn finish<T>(self, config: T) -> Result<T, InvalidConfig> {
        if self.problems.is_empty() { Ok(config) } else { Err(InvalidConfig { problems: self.problems }) }
    }
}

fn file_problem(file_name: &str, why: String) -> Problem {
    Problem { what: "the configuration file".to_owned(), origin: file_name.to_owned(), why }
}

fn insert(values: &mut Dict, option: &OptionSpec, text: &str) {
    let value = Value::from(text);
    if option.section.is_empty() {
        values.insert(option.name.to_owned(), value);
        return;
    }
    let section = values.entry(option.section.to_owned()).or_insert_with(|| Value::from(Dict::new()));
    if let Value::Dict(_, section) = section {
        section.insert(option.name.to_owned(), value);
    }
}

/// Reports keys that no option has.
fn unknown_keys(
    values: &Dict,
    path: &str,
    origin: &str,
    options: &[OptionSpec],
    problems: &mut Vec<Problem>,
) {
    let sections: Vec<&str> =
        options.iter().map(|option| option.section).filter(|name| !name.is_empty()).collect();
    for (name, value) in values {
        let key = super::option::key(path, name);
        let is_section = path.is_empty() && sections.contains(&name.as_str());
        match value {
            Value::Dict(_, inner) if is_section => unknown_keys(inner, &key, origin, options, problems),
            _ if is_section => problems.push(Problem {
                what: format!("{key} = {}", show(value)),
                origin: origin.to_owned(),
                why: format!("is a section: write [{key}]"),
            }),
            _ if options.iter().any(|option| option.key() == key) => {}
            _ => problems.push(Problem {
                what: key.clone(),
                origin: origin.to_owned(),
                why: match nearest(&key, options) {
                    Some(known) => format!("there is no such key; did you mean {known}?"),
                    None => "there is no such key".to_owned(),
                },
            }),
        }
    }
}

/// The key that was probably meant: the same name elsewhere, or one that differs in few letters.
fn nearest(key: &str, options: &[OptionSpec]) -> Option<String> {
    let name = key.rsplit('.').next().unwrap_or(key);
    options
        .iter()
        .map(|option| (edits(key, &option.key()).min(1 + edits(name, option.name)), option.key()))
        .min()
        .filter(|(distance, _)| *distance <= 3)
        .map(|(_, known)| known)
}

/// Levenshtein distance.
fn edits(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let substitution = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substitution.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// A value as a person wrote it, about.
fn show(value: &Value) -> String {
    match value {
        Value::String(_, text) => super::value::quoted(text),
        Value::Bool(_, flag) => flag.to_string(),
        Value::Num(_, number) => match (number.to_i128(), number.to_u128(), number.to_f64()) {
            (Some(number), _, _) => number.to_string(),
            (_, Some(number), _) => number.to_string(),
            (_, _, Some(number)) => number.to_string(),
            _ => "a number".to_owned(),
        },
        Value::Array(_, items) => format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(", ")),
        Value::Dict(..) => "{ ... }".to_owned(),
        Value::Char(_, c) => super::value::quoted(&c.to_string()),
        Value::Empty(..) => "nothing".to_owned(),
    }
}
