//! fastrace, as its documentation has it: one root span, local spans inside.

use std::borrow::Cow;

use fastrace::collector::Config;
use fastrace::prelude::*;
use fastrace_opentelemetry::OpenTelemetryReporter;

use super::opentelemetry::Encoding;
use crate::subject::{DEPTH, Input, Subject};

pub(crate) struct Fastrace;

impl Fastrace {
    pub(crate) fn start() -> Self {
        let resource = opentelemetry_sdk::Resource::builder().build();
        let scope = ::opentelemetry::InstrumentationScope::builder("bench").build();
        let reporter = OpenTelemetryReporter::new(Encoding::default(), Cow::Owned(resource), scope);
        fastrace::set_reporter(reporter, Config::default());
        Self
    }
}

/// It has text values only.
fn properties(input: &Input) -> [(Cow<'static, str>, Cow<'static, str>); 3] {
    [
        ("db.system".into(), "redis".into()),
        ("db.statement".into(), input.statement.clone().into()),
        ("rows".into(), input.rows.to_string().into()),
    ]
}

fn nest(depth: usize, input: &Input) {
    let _span = LocalSpan::enter_with_local_parent("query").with_properties(|| properties(input));
    if depth > 1 {
        nest(depth - 1, input);
    }
}

impl Subject for Fastrace {
    fn trace(&self, input: &Input) {
        let root = Span::root("query", SpanContext::random()).with_properties(|| properties(input));
        let _local = root.set_local_parent();
        nest(DEPTH - 1, input);
    }

    fn settle(&self) {
        fastrace::flush();
    }
}
