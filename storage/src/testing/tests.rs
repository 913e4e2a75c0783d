use laneway_proto::otlp::{field, wire};

use super::*;
use crate::query::{SpanFilter, TimeRange, TraceCursor, TraceQuery};
use crate::{Accepted, AppendError, IngestRequest, Store};

fn everything(limit: usize, cursor: Option<TraceCursor>) -> TraceQuery {
    TraceQuery { range: TimeRange::ALL, filter: SpanFilter::All(vec![]), limit, cursor }
}

#[tokio::test]
async fn pages_follow_the_newest_matching_span_and_then_the_trace_id() {
    let store = MemoryStore::of([
        span("a").trace(1).after(30),
        span("b").trace(2).after(20),
        span("c").trace(3).after(20),
        // Trace 1 is the newest by this span, but it lies outside of the range below.
        span("late").trace(1).after(99),
    ]);
    let page = |cursor| {
        let range = TimeRange { start_unix_ns: 0, end_unix_ns: EPOCH_UNIX_NS + 50 };
        store.search(TraceQuery { range, ..everything(1, cursor) })
    };
    let mut found = Vec::new();
    let mut cursor = None;
    loop {
        let answer = page(cursor).await.unwrap();
        found.extend(answer.traces.iter().map(|trace| trace.trace_id.to_bytes()[15]));
        cursor = answer.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(found, [1, 3, 2]);
}

#[tokio::test]
async fn a_resent_span_counts_once_but_a_shared_id_with_another_start_is_another_span() {
    let store = MemoryStore::of([span("a"), span("a"), span("a").after(5)]);
    let page = store.search(everything(10, None)).await.unwrap();
    assert_eq!(page.traces[0].span_count, 2);
    assert_eq!(store.stats().accepted_spans, 3);
}

#[tokio::test]
async fn a_closed_store_answers_nothing() {
    let store = MemoryStore::of([span("a")]);
    store.close().await;
    assert!(store.search(everything(1, None)).await.is_err());
    assert_ne!(store.health(), crate::Health::Ready);
}

#[tokio::test]
async fn an_appended_request_is_found_but_for_spans_without_ids() {
    let mut body = Vec::new();
    wire::message(&mut body, field::request::RESOURCE_SPANS, |buf| {
        wire::message(buf, field::resource_spans::SCOPE_SPANS, |buf| {
            for id in [1_u64, 0] {
                wire::message(buf, field::scope_spans::SPANS, |buf| {
                    wire::bytes(buf, field::span::TRACE_ID, &7_u128.to_be_bytes());
                    wire::bytes(buf, field::span::SPAN_ID, &id.to_be_bytes());
                });
            }
        });
    });
    let store = MemoryStore::new();
    let append =
        |body: Vec<u8>| store.append(IngestRequest { body: body.into(), compressed: None, connection: 0 });
    assert_eq!(append(body).await, Ok(Accepted { spans: 1, rejected_spans: 1 }));
    let found = store.search(everything(1, None)).await.unwrap();
    assert_eq!(found.traces[0].span_count, 1);

    assert!(matches!(append(vec![0xff]).await, Err(AppendError::Malformed(_))));
    let stats = store.stats();
    assert_eq!((stats.accepted_spans, stats.rejected_spans, stats.malformed_requests), (1, 1, 1));
}
