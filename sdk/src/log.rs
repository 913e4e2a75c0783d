//! Trace, span and lane in log lines.
//!
//! A formatter of `tracing-subscriber` that adds what is current to each line, so that a line leads to its trace and back. Records of
//! the crate `log` come along by way of `tracing-log`.
//!
//! ```
//! use laneway::log::WithContext;
//! use tracing_subscriber::fmt;
//! use tracing_subscriber::prelude::*;
//!
//! // 2026-11-24T21:00:00Z  INFO trace_id=0af7... span_id=b7ad... lane=grey cart: 3 items
//! let text = fmt::layer().event_format(WithContext::text(fmt::format()));
//! // {"trace_id":"0af7...","span_id":"b7ad...","lane":"grey","timestamp":...
//! let json = fmt::layer().json().event_format(WithContext::json(fmt::format().json()));
//! # drop(tracing_subscriber::registry().with(text).with(json));
//! ```

use std::fmt;

use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::context::Context;

#[cfg(test)]
mod tests;

/// Adds `trace_id`, `span_id` and `lane` to what another formatter writes. Outside of a trace it adds the lane alone, unless that is
/// the baseline.
#[derive(Debug, Clone, Copy)]
pub struct WithContext<F> {
    format: F,
    shape: Shape,
}

#[derive(Debug, Clone, Copy)]
enum Shape {
    Text,
    Json,
}

impl<F> WithContext<F> {
    /// As `key=value`, in front of each line.
    pub fn text(format: F) -> Self {
        Self { format, shape: Shape::Text }
    }

    /// As the first fields of each object.
    pub fn json(format: F) -> Self {
        Self { format, shape: Shape::Json }
    }
}

impl<S, N, F> FormatEvent<S, N> for WithContext<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        ctx: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let current = Context::current();
        match self.shape {
            Shape::Text => {
                fields(&current, |key, value| write!(writer, "{key}={value} "))?;
                self.format.format_event(ctx, writer, event)
            }
            Shape::Json => {
                let mut line = String::new();
                self.format.format_event(ctx, Writer::new(&mut line), event)?;
                let Some(rest) = line.strip_prefix('{') else { return writer.write_str(&line) };
                writer.write_char('{')?;
                // Ids are hexadecimal digits, and a lane's name has nothing that JSON would have escaped.
                fields(&current, |key, value| write!(writer, "\"{key}\":\"{value}\","))?;
                writer.write_str(rest)
            }
        }
    }
}

fn fields(context: &Context, mut write: impl FnMut(&str, &dyn fmt::Display) -> fmt::Result) -> fmt::Result {
    if let Some(span) = context.span() {
        write("trace_id", &span.trace_id)?;
        write("span_id", &span.span_id)?;
    }
    if context.span().is_some() || !context.lane().is_base() {
        write("lane", context.lane())?;
    }
    Ok(())
}
