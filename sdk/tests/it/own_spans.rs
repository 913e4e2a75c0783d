//! Spans of the crate's own API, alone and among those of `tracing`.

use laneway::{Context, FutureExt, Lane, Sampler, Span, SpanKind, Value, span, with_lane};
use opentelemetry_proto::tonic::common::v1::any_value;
use tracing::{error, info_span};

use crate::collector::Bed;
use crate::tree::{int, is_error, status_message, text, value};

#[tokio::test]
async fn they_nest_among_those_of_tracing() {
    let bed = Bed::start().await;
    let _own = bed.guard.default_scope();
    info_span!("tracing outside").in_scope(|| {
        let _own = span!("own").entered();
        info_span!("tracing inside").in_scope(|| {
            let inner = span!(kind: SpanKind::Client, "own inside");
            span!(parent: inner.context(), "child of one that is not entered").end();
            error!("lands in the innermost span that is entered");
        });
        error!("lands in the own span");
        span!(parent: &Context::default(), "apart").end();
    });
    let spans = bed.finish().await;
    spans.assert_tree(
        "
         internal tracing outside
           internal own !
             internal tracing inside !
               client own inside
                 internal child of one that is not entered
         internal apart",
    );
    assert_eq!(status_message(spans.named("own")), "lands in the own span");
    assert_eq!(spans.named("own").events[0].name, "lands in the own span");
}

#[tokio::test]
async fn values_keep_their_types() {
    let bed = Bed::start().await;
    let _own = bed.guard.default_scope();
    let (user, rows, owned) = ("alice", 3_usize, String::from("owned"));
    let mut span = span!(
        "typed",
        user,
        rows,
        db.system.name = "redis",
        "with space" = &owned,
        debug = ?Some(1),
        display = %1.5,
        huge = u64::MAX,
        list = &["a", "b"][..],
        numbers = &[1_i64, -2][..],
        lane = "pretended",
    );
    span.set("late", true);
    span.set("user", "bob");
    span.end();
    let spans = bed.finish().await;
    let attributes = &spans.named("typed").attributes;
    for (key, expected) in [
        ("user", "bob"),
        ("db.system.name", "redis"),
        ("with space", "owned"),
        ("debug", "Some(1)"),
        ("display", "1.5"),
        ("huge", "18446744073709551615"),
        ("lane", "base"),
    ] {
        assert_eq!(text(attributes, key), Some(expected), "{key}");
    }
    assert_eq!(int(attributes, "rows"), Some(3));
    assert_eq!(value(attributes, "late"), Some(&any_value::Value::BoolValue(true)));
    for key in ["list", "numbers"] {
        let Some(any_value::Value::ArrayValue(array)) = value(attributes, key) else { panic!("{key}") };
        assert_eq!(array.values.len(), 2);
    }
    assert_eq!(attributes.len(), 11);
    assert_eq!(spans.named("typed").dropped_attributes_count, 1, "the lane that a field pretended");
}

#[tokio::test]
async fn they_say_how_the_work_went() {
    let bed = Bed::start().await;
    let _own = bed.guard.default_scope();
    let cause = span!("cause");
    let mut failed = span!("failed");
    failed.fail_with(&std::io::Error::other("disk on fire"));
    failed.link(cause.context(), &[("why", Value::from("because"))]);
    failed.event("retried", &[("attempt", 2.into())]);
    failed.rename("renamed");
    failed.end();
    let mut fine = span!("fine");
    fine.succeed();
    fine.fail("too late");
    drop((fine, cause));
    let spans = bed.finish().await;
    let failed = spans.named("renamed");
    assert!(is_error(failed) && status_message(failed) == "disk on fire");
    assert_eq!(text(&failed.events[0].attributes, "exception.message"), Some("disk on fire"));
    assert_eq!(
        (failed.events[1].name.as_str(), int(&failed.events[1].attributes, "attempt")),
        ("retried", Some(2))
    );
    assert_eq!(failed.links[0].span_id, spans.named("cause").span_id);
    assert_eq!(text(&failed.links[0].attributes, "why"), Some("because"));
    assert_eq!(spans.named("fine").status.as_ref().unwrap().code, 1);
}

#[tokio::test]
async fn an_entered_span_can_be_changed() {
    let bed = Bed::start().await;
    let _own = bed.guard.default_scope();
    {
        let outer = span!("outer").entered();
        laneway::update_current(|span| span.set("from", "below"));
        info_span!("of tracing").in_scope(|| laneway::update_current(|span| span.set("through", "tracing")));
        outer.update(|span| {
            span.set("by", "guard");
            // Not current meanwhile, and nothing deadlocks.
            laneway::update_current(|_| panic!("nothing is entered"));
        });
    }
    laneway::update_current(|_| panic!("nothing is entered"));
    let spans = bed.finish().await;
    for (key, expected) in [("from", "below"), ("through", "tracing"), ("by", "guard")] {
        assert_eq!(text(&spans.named("outer").attributes, key), Some(expected), "{key}");
    }
}

#[tokio::test]
async fn futures_run_in_them() {
    let bed = Bed::start().await;
    let _own = bed.guard.default_scope();
    let work = async {
        tokio::task::yield_now().await;
        span!("first").end();
        async { laneway::update_current(|span| span.set("set", 1)) }.instrument_with("second").await;
        let child = async {
            tokio::task::yield_now().await;
        };
        tokio::join!(child.in_current_context(), async { span!("third").end() });
    };
    with_lane(Lane::new("grey").unwrap(), async {
        let span = span!("request");
        span.instrument(work).await;
    })
    .await;
    let mut scoped = span!("scoped");
    scoped.in_scope(|| span!("inside").end());
    scoped.end();
    let spans = bed.finish().await;
    spans.assert_tree(
        "
         internal request [grey]
           internal first [grey]
           internal second [grey]
           internal third [grey]
         internal scoped
           internal inside",
    );
    assert_eq!(int(&spans.named("second").attributes, "set"), Some(1));
}

trait InstrumentWith: Future + Sized {
    async fn instrument_with(self, name: &'static str) -> Self::Output {
        span!(name).instrument(self).await
    }
}

impl<F: Future> InstrumentWith for F {}

#[tokio::test]
async fn a_span_that_is_not_recorded_does_not_look_at_its_values() {
    let bed = Bed::with(|builder| builder.sampler(Sampler::always_off().parent_based())).await;
    let unsampled = {
        let _own = bed.guard.default_scope();
        let span = span!("quiet", costly = ?panic_when_asked());
        assert!(!span.is_recording() && span.context().trace_id().is_some());
        let context = span.context().clone();
        let _entered = span.entered();
        let child = span!("child");
        assert_eq!(child.context().span_id(), context.span_id(), "nobody will tell them apart");
        std::thread::spawn(move || {
            let _entered = child.entered();
            Context::current()
        })
        .join()
        .unwrap()
    };
    assert!(unsampled.trace_id().is_some() && !unsampled.is_sampled());
    // Without an SDK the context stays what it is.
    let without = unsampled.in_scope(|| Span::new("nobody listens").context().clone());
    assert_eq!(without.span_id(), unsampled.span_id());
    assert_eq!(bed.finish().await.0.len(), 0);
}

fn panic_when_asked() -> u8 {
    panic!("the span is not recorded")
}

#[tokio::test]
async fn a_span_may_end_on_another_thread_and_in_any_order() {
    let bed = Bed::start().await;
    let _own = bed.guard.default_scope();
    let (first, second) = (span!("first"), span!("second"));
    std::thread::spawn(move || drop(first)).join().unwrap();
    let second = second.entered();
    let third = span!("third").entered();
    drop(second);
    assert!(laneway::current_span_id().is_some());
    span!("fourth").end();
    drop(third);
    assert_eq!(laneway::current_span_id(), None);
    bed.finish().await.assert_tree(
        "
         internal first
         internal second
           internal third
             internal fourth",
    );
}

#[tokio::test]
async fn the_subscriber_records_what_the_layer_does() {
    let collector = crate::collector::Collector::start().await;
    let builder = laneway::builder().endpoint(collector.endpoint()).filter("info,noisy=off");
    let (subscriber, guard) = builder.build_subscriber().unwrap();
    let dispatch = tracing::Dispatch::new(subscriber.unwrap());
    tracing::dispatcher::with_default(&dispatch, || {
        let outer = info_span!("outer", late = tracing::field::Empty, otel.kind = "server");
        let other = outer.clone();
        outer.in_scope(|| {
            assert_eq!(tracing::Span::current().id(), outer.id());
            assert_eq!(Context::of(&outer).unwrap().span_id(), laneway::current_span_id());
            tracing::debug_span!("too fine").in_scope(|| info_span!("inner").in_scope(|| error!("oh")));
            info_span!(target: "noisy", "muted").in_scope(|| {});
            let follower = info_span!(parent: &outer, "follower");
            follower.follows_from(&outer);
        });
        drop(outer);
        other.record("late", 1);
        drop(other);
        assert!(tracing::Span::current().is_none());
    });
    guard.shutdown().await;
    let spans = collector.spans();
    spans.assert_tree(
        "
         server outer
           internal inner !
           internal follower",
    );
    assert_eq!(int(&spans.named("outer").attributes, "late"), Some(1));
    assert_eq!(spans.named("follower").links.len(), 1);
}

/// Below a span that is not sampled nobody is asked: unless its sampler asks about every span, or another SDK is to record.
#[tokio::test]
async fn who_is_asked_below_a_span_that_is_not_sampled() {
    for (sampler, is_asked) in [(Sampler::always_off(), true), (Sampler::always_off().parent_based(), false)]
    {
        let bed = Bed::with(|builder| builder.sampler(sampler)).await;
        let other = Bed::with(|builder| builder.sampler(Sampler::always_on())).await;
        let own = bed.guard.default_scope();
        {
            let _root = span!("not sampled").entered();
            bed.guard.sampler().unwrap().set(Sampler::always_on());
            let child = span!("below");
            assert_eq!(child.is_recording(), is_asked);
            let _child = child.entered();
            assert_eq!(span!("further below").is_recording(), is_asked);
            {
                let _other = other.guard.default_scope();
                assert!(span!("of another").is_recording());
            }
            assert_eq!(span!("of this again").is_recording(), is_asked);
            assert!(span!(parent: &Context::default(), "a trace of its own").is_recording());
        }
        assert!(span!("another trace").is_recording());
        drop(own);
        bed.finish().await.named("another trace");
        other.finish().await.named("of another");
    }
}

#[tokio::test]
async fn a_share_travels_with_the_trace_and_the_sampler_can_be_changed() {
    let bed = Bed::with(|builder| builder.sampler(Sampler::probability(0.999_999).parent_based())).await;
    let _own = bed.guard.default_scope();
    let root = span!("root");
    assert!(root.context().tracestate().starts_with("ot=th:0000"), "{}", root.context().tracestate());
    let child = span!(parent: root.context(), "child");
    drop((child, root));
    bed.guard.sampler().unwrap().set(Sampler::always_off());
    span!("not any more").end();
    let spans = bed.finish().await;
    assert_eq!(spans.0.len(), 2);
    assert!(spans.0.iter().all(|span| span.trace_state.starts_with("ot=th:0000")));
}

#[tokio::test]
async fn a_span_whose_value_panics_has_its_name_all_the_same() {
    fn doomed() -> i64 {
        panic!("on purpose")
    }
    let bed = Bed::start().await;
    let _own = bed.guard.default_scope();
    let outer = span!("outer").entered();
    std::panic::catch_unwind(|| span!("inner", rows = 1, value = doomed()).end()).unwrap_err();
    drop(outer);
    bed.finish().await.assert_tree(
        "
         internal outer
           internal inner",
    );
}
