//! What the tests of every store share: requests, and comparing it with the reference store.

use laneway_proto::{SpanId, TraceId};

use super::MemoryStore;
use crate::model::{Span, to_otlp};
use crate::query::{SpanFilter, TimeRange, TraceCursor, TracePage, TraceQuery};
use crate::{IngestRequest, Store};

/// A request of these spans.
pub(crate) fn request(spans: &[Span]) -> IngestRequest {
    IngestRequest { body: to_otlp::traces_data(spans).into(), compressed: None, connection: 0 }
}

/// Gives each span an id that no other has. Equal identity means equal spans; which of two different ones counts is not defined.
pub(crate) fn distinct(spans: &mut [Span], so_far: &mut u64) {
    for span in spans {
        *so_far += 1;
        span.span_id = SpanId::from_bytes(so_far.to_be_bytes()).unwrap();
    }
}

/// All pages of a search.
pub(crate) async fn pages(
    store: &dyn Store,
    filter: &SpanFilter,
    range: TimeRange,
    limit: usize,
) -> Vec<TracePage> {
    let (mut pages, mut cursor): (Vec<TracePage>, Option<TraceCursor>) = (Vec::new(), None);
    loop {
        let query = TraceQuery { range, filter: filter.clone(), limit, cursor };
        let page = store.search(query).await.unwrap();
        cursor = page.next;
        pages.push(page);
        if cursor.is_none() {
            return pages;
        }
    }
}

/// Compares every kind of answer. Debug text, since NaN is not equal to itself.
pub(crate) async fn assert_alike(
    store: &dyn Store,
    oracle: &MemoryStore,
    filters: &[SpanFilter],
    range: TimeRange,
) {
    let same = |ours: String, theirs: String| assert_eq!(ours, theirs);
    for trace_id in (1..7u128).filter_map(|id| TraceId::from_bytes(id.to_be_bytes())) {
        same(
            format!("{:#?}", store.trace(trace_id, None).await.unwrap()),
            format!("{:#?}", oracle.trace(trace_id, None).await.unwrap()),
        );
    }
    assert_eq!(store.service_names().await.unwrap(), oracle.service_names().await.unwrap());
    for service in ["cart", "order", "nobody"] {
        let ours = store.operation_names(service).await.unwrap();
        assert_eq!(ours, oracle.operation_names(service).await.unwrap());
    }
    for range in [range, TimeRange::ALL] {
        for filter in filters {
            for limit in [1, 3, 100] {
                let theirs = pages(oracle, filter, range, limit).await;
                assert_eq!(pages(store, filter, range, limit).await, theirs, "{filter:?}");
            }
        }
    }
}
