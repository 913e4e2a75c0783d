//! `tracing` spans as OTLP spans.

use std::fmt;

use laneway::{Context, Lane, Sampler};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use tracing::field::Empty;
use tracing::subscriber::NoSubscriber;
use tracing::{Dispatch, Level, error, info, info_span, span, warn};

use crate::collector::Bed;
use crate::tree::{int, is_error, status_message, text, value};

#[tokio::test]
async fn nested_spans_become_a_tree_of_one_trace() {
    let bed = Bed::start().await;
    info_span!("outer").in_scope(|| {
        info_span!("first").in_scope(|| info_span!("deep").in_scope(|| {}));
        info_span!("second", otel.kind = "client").in_scope(|| {});
        info_span!(parent: None, "apart").in_scope(|| {});
    });
    let explicit = info_span!(parent: None, "explicit parent");
    info_span!(parent: &explicit, "explicit child").in_scope(|| {});
    drop(explicit);
    bed.finish().await.assert_tree(
        "
         internal outer
           internal first
             internal deep
           client second
         internal apart
         internal explicit parent
           internal explicit child",
    );
}

#[derive(Debug)]
struct Failure(Option<Box<Failure>>);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "cannot load" } else { "disk on fire" })
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.as_deref().map(|cause| cause as _)
    }
}

#[tokio::test]
async fn fields_keep_their_types_and_late_ones_win() {
    let bed = Bed::start().await;
    let span = info_span!(
        "typed",
        int = -7,
        unsigned = 7_u64,
        huge = u64::MAX,
        wide = i128::from(5),
        double = 1.5,
        yes = true,
        text = "héllo",
        debug = ?Some(1),
        display = %"shown",
        cause = &Failure(None) as &(dyn std::error::Error + 'static),
        late = Empty,
        twice = 1,
        lane = "pretended",
    );
    span.record("late", "came");
    span.record("twice", 2);
    drop(span);
    let spans = bed.finish().await;
    let span = spans.named("typed");
    let attributes = &span.attributes;
    for (key, expected) in [
        ("int", Value::IntValue(-7)),
        ("unsigned", Value::IntValue(7)),
        ("huge", Value::StringValue(u64::MAX.to_string())),
        ("wide", Value::IntValue(5)),
        ("double", Value::DoubleValue(1.5)),
        ("yes", Value::BoolValue(true)),
        ("text", Value::StringValue("héllo".to_owned())),
        ("debug", Value::StringValue("Some(1)".to_owned())),
        ("display", Value::StringValue("shown".to_owned())),
        ("cause", Value::StringValue("disk on fire".to_owned())),
        ("late", Value::StringValue("came".to_owned())),
        ("twice", Value::IntValue(2)),
        ("lane", Value::StringValue("base".to_owned())),
    ] {
        assert_eq!(value(attributes, key), Some(&expected), "{key}");
    }
    assert_eq!(attributes.len(), 13);
    assert_eq!(span.dropped_attributes_count, 1, "the lane that a field pretended");
}

#[tokio::test]
async fn otel_fields_are_lifted() {
    let bed = Bed::start().await;
    drop(info_span!("a", otel.name = "GET /", otel.kind = "Server", otel.status_code = "OK"));
    let failed = info_span!("b", otel.status_code = Empty, otel.status_message = Empty, otel.kind = ?"odd");
    failed.record("otel.status_code", "error");
    failed.record("otel.status_message", "out of stock");
    drop(failed);
    let spans = bed.finish().await;
    let ok = spans.named("GET /");
    assert_eq!((ok.kind, ok.status.as_ref().unwrap().code, ok.attributes.len()), (2, 1, 1));
    let failed = spans.named("b");
    assert!(is_error(failed) && status_message(failed) == "out of stock" && failed.kind == 1);
}

#[tokio::test]
async fn times_and_ids_are_sound() {
    let bed = Bed::start().await;
    let before = std::time::SystemTime::now();
    let (outer, inner) = info_span!("outer").in_scope(|| {
        let outer = Context::current();
        info!("tick");
        (outer, info_span!("inner").in_scope(Context::current))
    });
    let spans = bed.finish().await;
    let (first, second) = (spans.named("outer"), spans.named("inner"));
    assert_eq!(first.trace_id, outer.trace_id().unwrap().to_bytes());
    assert_eq!(second.parent_span_id, outer.span_id().unwrap().to_bytes());
    assert_eq!(second.span_id, inner.span_id().unwrap().to_bytes());
    assert!(outer.is_sampled() && !outer.is_remote());
    let unix =
        |time: std::time::SystemTime| time.duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64;
    assert!(unix(before) <= first.start_time_unix_nano);
    assert!(first.start_time_unix_nano <= first.events[0].time_unix_nano);
    assert!(first.events[0].time_unix_nano <= first.end_time_unix_nano);
    // Sampled, random trace id, and the parent is known to be local.
    assert_eq!((first.flags, second.flags), (0x103, 0x103));
}

#[tokio::test]
async fn a_remote_parent_and_its_lane_are_inherited() {
    let bed = Bed::start().await;
    let headers = vec![
        ("traceparent".to_owned(), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
        ("tracestate".to_owned(), "congo=t61".to_owned()),
        ("baggage".to_owned(), "lane=grey,user=alice".to_owned()),
    ];
    let remote = laneway::propagation::extract(&headers);
    let mut onward = remote.in_scope(|| {
        info_span!("handler").in_scope(|| {
            info_span!("inner").in_scope(|| {
                assert_eq!(laneway::current_trace_id(), remote.trace_id());
                assert_eq!(laneway::current_lane().as_str(), "grey");
                let mut onward = Vec::<(String, String)>::new();
                laneway::propagation::inject(&Context::current(), &mut onward);
                onward
            })
        })
    });
    let spans = bed.finish().await;
    spans.assert_tree(
        "
         internal handler [grey]
           internal inner [grey]",
    );
    let (handler, inner) = (spans.named("handler"), spans.named("inner"));
    assert_eq!(handler.parent_span_id, 0xb7ad_6b71_6920_3331_u64.to_be_bytes());
    assert_eq!(handler.trace_state, "congo=t61");
    // The caller did not say that its trace id is random.
    assert_eq!((handler.flags, inner.flags), (0x301, 0x101));
    let span_id = u64::from_be_bytes(inner.span_id.clone().try_into().unwrap());
    // Who calls comes first.
    let (own, others) = onward[1].1.split_once(',').unwrap();
    assert!(own.contains(";handler;"), "{own}");
    onward[1].1 = others.to_owned();
    let expected = [
        ("traceparent", format!("00-0af7651916cd43dd8448eb211c80319c-{span_id:016x}-01")),
        ("tracestate", "congo=t61".to_owned()),
        ("baggage", "lane=grey,user=alice".to_owned()),
    ];
    assert_eq!(onward, expected.map(|(name, value)| (name.to_owned(), value)));
}

#[tokio::test]
async fn a_lane_alone_is_inherited_and_outlives_the_trace() {
    let bed = Bed::start().await;
    let grey = Context::default().with_lane(Lane::new("grey").unwrap());
    grey.in_scope(|| {
        info_span!("root").in_scope(|| {
            info_span!(parent: None, "new trace").in_scope(|| {});
            let blue = Context::current().with_lane(Lane::new("blue").unwrap());
            blue.in_scope(|| info_span!("moved").in_scope(|| {}));
            info_span!("stayed").in_scope(|| {});
        });
    });
    bed.finish().await.assert_tree(
        "
         internal root [grey]
           internal moved [blue]
           internal stayed [grey]
         internal new trace [grey]",
    );
}

#[tokio::test]
async fn events_and_errors_are_kept_in_their_span() {
    let bed = Bed::start().await;
    info_span!("work").in_scope(|| {
        info!(count = 3, "loaded");
        warn!(error = %"plain text", "odd");
        let failure = Failure(Some(Box::new(Failure(None))));
        error!(cause = &failure as &(dyn std::error::Error + 'static), "giving up");
        info!(only = "a field");
    });
    info!("outside of any span");
    let spans = bed.finish().await;
    let work = spans.named("work");
    let names: Vec<_> = work.events.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(names[..3], ["loaded", "odd", "giving up"]);
    assert!(names[3].starts_with("event "), "{names:?}");
    let [loaded, odd, failed, _] = &work.events[..] else { panic!("{names:?}") };
    assert_eq!(int(&loaded.attributes, "count"), Some(3));
    assert_eq!(text(&loaded.attributes, "level"), Some("INFO"));
    assert!(text(&loaded.attributes, "target").unwrap().ends_with("spans"));
    assert_eq!(text(&odd.attributes, "exception.message"), Some("plain text"));
    assert_eq!(text(&failed.attributes, "exception.message"), Some("cannot load"));
    assert_eq!(
        text(&failed.attributes, "exception.stacktrace"),
        Some("cannot load\ncaused by: disk on fire")
    );
    assert!(is_error(work));
    assert_eq!(status_message(work), "giving up");
}

#[tokio::test]
async fn error_events_respect_a_stated_status_and_the_option() {
    let bed = Bed::start().await;
    info_span!("stated", otel.status_code = "ok").in_scope(|| error!("handled"));
    assert!(!is_error(bed.finish().await.named("stated")));

    let bed = Bed::with(|builder| builder.error_events_fail_spans(false)).await;
    info_span!("optional").in_scope(|| error!("handled"));
    assert!(!is_error(bed.finish().await.named("optional")));
}

#[tokio::test]
async fn links_name_the_spans_that_are_followed() {
    let bed = Bed::start().await;
    let (cause, effect) = (info_span!("cause"), info_span!("effect"));
    effect.follows_from(&cause);
    let headers = vec![(
        "traceparent".to_owned(),
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00".to_owned(),
    )];
    laneway::add_link(&effect, &laneway::propagation::extract(&headers));
    laneway::add_link(&effect, &Context::default());
    drop((cause, effect));
    let spans = bed.finish().await;
    let (cause, links) = (spans.named("cause"), &spans.named("effect").links);
    assert_eq!(links.len(), 2, "an empty context is no target");
    assert_eq!((&links[0].trace_id, &links[0].span_id), (&cause.trace_id, &cause.span_id));
    assert_eq!(links[1].span_id, 0xb7ad_6b71_6920_3331_u64.to_be_bytes());
    assert_eq!((links[0].flags, links[1].flags), (0x103, 0x300));
}

#[tokio::test]
async fn what_is_beyond_the_limits_is_counted() {
    let bed = Bed::start().await;
    let (span, other) = (info_span!("busy"), info_span!("other"));
    for i in 0..130 {
        span.in_scope(|| info!("{i}"));
        span.follows_from(&other);
    }
    span.record("missing", 1);
    drop(span);
    let long = "é".repeat(20_000);
    drop(info_span!("long", long, debug = ?long));
    let spans = bed.finish().await;
    let busy = spans.named("busy");
    assert_eq!((busy.events.len(), busy.dropped_events_count), (128, 2));
    assert_eq!((busy.links.len(), busy.dropped_links_count), (128, 2));
    let long = spans.named("long");
    assert_eq!(text(&long.attributes, "long").unwrap().len(), 32 * 1024);
    assert!(text(&long.attributes, "debug").unwrap().len() <= 32 * 1024);
}

#[tokio::test]
async fn what_is_not_sampled_is_not_exported_but_travels() {
    let bed = Bed::with(|builder| builder.sampler(Sampler::always_off())).await;
    let context = Context::default().with_lane(Lane::new("grey").unwrap()).in_scope(|| {
        info_span!("quiet", field = 1).in_scope(|| {
            error!("not recorded");
            Context::current()
        })
    });
    assert!(context.trace_id().is_some() && !context.is_sampled());
    let mut headers = Vec::<(String, String)>::new();
    laneway::propagation::inject(&context, &mut headers);
    assert!(headers[0].1.ends_with("-02"), "random, not sampled: {}", headers[0].1);
    assert_eq!(headers[1].1, "lane=grey");
    let (spans, stats) = bed.finish_with_stats().await;
    assert_eq!((spans.0.len(), stats.exported, stats.dropped), (0, 0, 0));
}

#[tokio::test]
async fn the_filter_is_about_this_layer_alone_and_leaves_no_gap_in_the_tree() {
    let bed = Bed::with(|builder| builder.filter("info,noisy=off")).await;
    info_span!("outer").in_scope(|| {
        span!(Level::DEBUG, "too fine").in_scope(|| {
            let muted = info_span!(target: "noisy", "muted");
            muted.in_scope(|| {
                // Whether another subscriber of the process wants it or not.
                assert!(Context::of(&muted).is_none());
                info!("kept in the nearest span");
                info_span!("inner").in_scope(|| {});
            });
        });
    });
    let spans = bed.finish().await;
    spans.assert_tree(
        "
         internal outer
           internal inner",
    );
    assert_eq!(spans.named("outer").events.len(), 1);
}

/// A value whose formatting itself traces, as a lazily loaded one might.
struct Chatty;

impl fmt::Debug for Chatty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        info_span!("while formatting").in_scope(|| info!("nested"));
        tracing::Span::current().record("late", 1);
        f.write_str("chatty")
    }
}

#[tokio::test]
async fn values_that_trace_while_they_are_formatted_do_not_deadlock() {
    let bed = Bed::start().await;
    // While there is one subscriber only, `tracing` asks the thread's default whether it is interested in a callsite, and
    // remembers the answer. That default is deaf while it dispatches, which is when this test first meets the callsite. With
    // a second one it asks all there are, so that the outcome does not hang on which other tests run at the moment.
    let _second = Dispatch::new(NoSubscriber::new());
    info_span!("outer", late = Empty, value = Empty).in_scope(|| {
        info!(value = ?Chatty, "event");
        tracing::Span::current().record("value", tracing::field::debug(Chatty));
        info_span!("created", value = ?Chatty).in_scope(|| {});
    });
    let spans = bed.finish().await;
    assert_eq!(text(&spans.named("outer").attributes, "value"), Some("chatty"));
    assert_eq!(text(&spans.named("created").attributes, "value"), Some("chatty"));
    // `tracing` itself is deaf to what is traced while it dispatches an event or a new span: that leaves the late record.
    spans.named("while formatting");
}
