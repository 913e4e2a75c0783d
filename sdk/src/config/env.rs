//! Reading environment variables.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use percent_encoding::percent_decode_str;

/// The environment, and what was wrong in it. Tests bring their own.
pub(super) struct Env<'a> {
    variables: &'a dyn Fn(&str) -> Option<String>,
    pub(super) warnings: Vec<String>,
}

impl<'a> Env<'a> {
    pub(super) fn new(variables: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { variables, warnings: Vec::new() }
    }

    /// The value of a variable. An empty one counts as not set, as OpenTelemetry wants it.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        (self.variables)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    /// The first of these variables that is set, with its name.
    pub(super) fn first(&self, names: [&'static str; 2]) -> Option<(&'static str, String)> {
        names.into_iter().find_map(|name| Some((name, self.text(name)?)))
    }

    /// Only "true", of either case, is true.
    pub(super) fn boolean(&self, name: &str) -> bool {
        self.text(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    pub(super) fn number<T: FromStr>(&mut self, name: &'static str) -> Option<T> {
        let value = self.text(name)?;
        let number = value.parse().ok();
        if number.is_none() {
            self.warn(format_args!("{name}={value:?} is not a number in range, and is ignored"));
        }
        number
    }

    pub(super) fn positive(&mut self, name: &'static str) -> Option<usize> {
        let number = self.number(name)?;
        if number == 0 {
            self.warn(format_args!("{name}=0 is not positive, and is ignored"));
        }
        Some(number).filter(|&number| number > 0)
    }

    pub(super) fn milliseconds(&mut self, name: &'static str) -> Option<Duration> {
        self.number(name).map(Duration::from_millis)
    }

    pub(super) fn warn(&mut self, warning: fmt::Arguments<'_>) {
        self.warnings.push(warning.to_string());
    }
}

/// A list `key=value,key=value` with percent-encoded keys and values; `None` when any part of it is not of that form.
pub(super) fn key_values(list: &str) -> Option<Vec<(String, String)>> {
    let decode = |text: &str| Some(percent_decode_str(text.trim()).decode_utf8().ok()?.into_owned());
    list.split(',')
        .filter(|member| !member.trim().is_empty())
        .map(|member| {
            let (key, value) = member.split_once('=')?;
            let key = decode(key).filter(|key| !key.is_empty())?;
            Some((key, decode(value)?))
        })
        .collect()
}
