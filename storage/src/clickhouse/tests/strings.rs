//! Text that would be code if it were pasted.

use super::*;
use crate::query::{AttributeScope, SpanFilter};

const HOSTILE: [&str; 10] = [
    "it's",
    "\\'; DROP TABLE otel_traces; --",
    "{x:String}",
    "%s %d %",
    "/* comment */ -- comment # comment",
    "nul \u{0} in the middle",
    "tab\tnewline\nreturn\r`back`\"double\"",
    "?",
    "??fields ?",
    "\u{1F980} größe \\0 \\N \\",
];

#[tokio::test(flavor = "multi_thread")]
async fn hostile_text_is_found_as_it_was_sent_and_runs_nothing() {
    let Some(place) = Place::new() else { return };
    let store = place.open().await;
    let spans: Vec<Span> = HOSTILE
        .iter()
        .zip(1..)
        .map(|(text, id)| {
            span(text)
                .trace(id as u128)
                .id(id)
                .service(text)
                .scope(text, text)
                .attribute(text, *text)
                .resource_attribute("resource key", *text)
                .with(|span| {
                    span.status_message = (*text).to_owned();
                    span.trace_state = (*text).to_owned();
                })
                .build()
        })
        .collect();
    store.append(request(&spans)).await.unwrap();
    assert!(store.drained(PATIENCE).await);
    for (text, span) in HOSTILE.iter().zip(&spans) {
        let text = (*text).to_owned();
        let attribute = |key: &str| SpanFilter::Attribute {
            scope: AttributeScope::Any,
            key: key.to_owned(),
            text: text.clone(),
        };
        let filters = [
            SpanFilter::Service(text.clone()),
            SpanFilter::Operation(text.clone()),
            SpanFilter::StatusMessage(text.clone()),
            SpanFilter::ScopeName(text.clone()),
            SpanFilter::ScopeVersion(text.clone()),
            attribute(&text),
            attribute("resource key"),
        ];
        for filter in filters {
            let query = TraceQuery { range: TimeRange::ALL, filter: filter.clone(), limit: 20, cursor: None };
            let page = store.search(query).await.unwrap();
            let found: Vec<TraceId> = page.traces.iter().map(|trace| trace.trace_id).collect();
            assert_eq!(found, [span.trace_id], "{filter:?}");
        }
        let trace = store.trace(span.trace_id, None).await.unwrap().unwrap();
        assert_eq!(trace.spans, std::slice::from_ref(span));
        assert_eq!(store.operation_names(&text).await.unwrap(), [text]);
    }
    assert_eq!(store.service_names().await.unwrap().len(), HOSTILE.len());
    store.close().await;
}
