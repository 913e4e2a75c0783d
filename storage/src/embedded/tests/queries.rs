//! What queries may take, and that what they take changes no answer.

use super::lifecycle::unmerged;
use super::*;

#[tokio::test]
async fn many_parts_are_read_on_several_threads_with_the_answers_of_one() {
    let (dir, oracle) = (TempDir::new().unwrap(), MemoryStore::new());
    let options = Options { query_helpers: 3, ..unmerged(dir.path()) };
    let store = EmbeddedStore::open(options).unwrap();
    for segment in 0..40u64 {
        // Traces of their own, and some that lie across segments, of which the newest spans are in no order.
        let spans: Vec<Span> = (0..12u64)
            .map(|i| {
                let trace = if i < 8 { 1_000 + u128::from(segment * 12 + i) } else { u128::from(i) };
                let one = span(&format!("op-{}", i % 4)).trace(trace).id(segment * 12 + i + 1);
                let one =
                    one.after((segment * 7_919 + i * 104_729) % 10_007).service(&format!("s{}", segment % 5));
                one.attribute("user.id", &*format!("user-{}", segment / 3)).build()
            })
            .collect();
        append(&store, &spans).await;
        oracle.append(request(&spans)).await.unwrap();
        sealed(&store).await;
    }
    assert_eq!(store.stats().parts, 40);
    let attribute = |text: &str| SpanFilter::Attribute {
        scope: crate::query::AttributeScope::Any,
        key: "user.id".to_owned(),
        text: text.to_owned(),
    };
    let filters = [
        SpanFilter::All(Vec::new()),
        SpanFilter::Service("s3".to_owned()),
        attribute("user-0"),
        attribute("user-7"),
        attribute("nobody"),
    ];
    assert_alike(&*store, &oracle, &filters, TimeRange::ALL).await;
}

#[tokio::test]
async fn a_query_that_takes_too_much_memory_is_refused_and_smaller_ones_are_answered() {
    let dir = TempDir::new().unwrap();
    let limit_bytes = 256 * 1024;
    let options =
        Options { query_memory_bytes: limit_bytes, segment_max_spans: 4_000, ..unmerged(dir.path()) };
    let store = EmbeddedStore::open(options).unwrap();
    let id = |trace: u128| TraceId::from_bytes(trace.to_be_bytes()).unwrap();
    // One large trace and a small one: in the open segment first, then in a part.
    let large: Vec<Span> = (1..2_000u64).map(|i| span("large").trace(1).id(i).build()).collect();
    let small = span("small").trace(2).id(9_999).service("small").build();
    append(&store, &large).await;
    append(&store, std::slice::from_ref(&small)).await;
    for _ in 0..2 {
        let refused = store.trace(id(1), None).await;
        assert!(matches!(refused, Err(QueryError::TooLarge { limit_bytes: limit }) if limit == limit_bytes));
        assert_eq!(store.trace(id(2), None).await.unwrap().unwrap().spans, std::slice::from_ref(&small));
        let search = |service: &str| {
            let filter = SpanFilter::Service(service.to_owned());
            store.search(TraceQuery { range: TimeRange::ALL, filter, limit: 10, cursor: None })
        };
        assert_eq!(search("small").await.unwrap().traces.len(), 1);
        assert!(matches!(search(large[0].service_name()).await, Err(QueryError::TooLarge { .. })));
        lifecycle::seal(&store).await;
        assert_eq!(store.stats().parts, 1);
    }
}
