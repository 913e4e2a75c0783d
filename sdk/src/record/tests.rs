use laneway_proto::Lane;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::{ScopeSpans, Span};
use proptest::prelude::*;
use prost::Message;

use super::draft::Count;
use super::*;

/// What the attributes of a draft say, through the official decoder.
fn decoded(draft: &Draft) -> Vec<(String, any_value::Value)> {
    pairs(Span::decode(draft.buf.as_slice()).unwrap().attributes)
}

fn pairs(attributes: Vec<KeyValue>) -> Vec<(String, any_value::Value)> {
    let pair = |KeyValue { key, value, .. }: KeyValue| (key, value.unwrap().value.unwrap());
    attributes.into_iter().map(pair).collect()
}

fn text(value: &str) -> any_value::Value {
    any_value::Value::StringValue(value.to_owned())
}

fn limits(attributes: usize, text_bytes: usize) -> Limits {
    Limits { attributes, text_bytes, ..Limits::default() }
}

#[test]
fn a_later_value_takes_the_place_of_an_earlier_one() {
    let (mut draft, limits) = (Draft::default(), limits(3, 100));
    draft.set("a", Value::Str("first"), Keys::Any, &limits);
    draft.set("b", Value::Int(-1), Keys::Any, &limits);
    draft.set("c", Value::Bool(true), Keys::Any, &limits);
    draft.set("a", Value::Str("second and longer"), Keys::Any, &limits);
    draft.set("b", Value::Double(0.5), Keys::Any, &limits);
    let expected = [
        ("c".to_owned(), any_value::Value::BoolValue(true)),
        ("a".to_owned(), text("second and longer")),
        ("b".to_owned(), any_value::Value::DoubleValue(0.5)),
    ];
    assert_eq!(decoded(&draft), expected);
    assert_eq!(draft.attributes, Count { kept: 3, dropped: 0 });
}

#[test]
fn what_is_beyond_the_count_is_dropped_and_counted() {
    let mut draft = Draft::default();
    draft.set("a", Value::Int(1), Keys::Any, &limits(1, 100));
    draft.set("b", Value::Int(2), Keys::Any, &limits(1, 100));
    let mut later = Draft::default();
    later.set("a", Value::Int(3), Keys::Any, &limits(2, 100));
    later.set("c", Value::Int(4), Keys::Any, &limits(2, 100));
    later.set(Lane::KEY, Value::Str("pretended"), Keys::Any, &limits(2, 100));
    draft.merge(&later, &limits(1, 100));
    assert_eq!(decoded(&draft), [("a".to_owned(), any_value::Value::IntValue(3))]);
    assert_eq!(draft.attributes, Count { kept: 1, dropped: 3 }, "b, c, and the lane");
}

#[test]
fn text_is_cut_between_characters() {
    let (mut draft, limits) = (Draft::default(), limits(9, 4));
    draft.set("text", Value::Str("abcé"), Keys::Any, &limits);
    draft.set("bytes", Value::Bytes(&[1, 2, 3, 4, 5]), Keys::Any, &limits);
    draft.set("texts", Value::Strs(&["abcé", ""]), Keys::Any, &limits);
    let array = any_value::Value::ArrayValue(opentelemetry_proto::tonic::common::v1::ArrayValue {
        values: [text("abc"), text("")]
            .map(|value| opentelemetry_proto::tonic::common::v1::AnyValue { value: Some(value) })
            .into(),
    });
    let expected = [
        ("text".to_owned(), text("abc")),
        ("bytes".to_owned(), any_value::Value::BytesValue(vec![1, 2, 3, 4])),
        ("texts".to_owned(), array),
    ];
    assert_eq!(decoded(&draft), expected);
    assert_eq!((truncate("é", 1), truncate("é", 2), truncate("é", 99)), ("", "é", "é"));
}

#[test]
fn the_baseline_s_fields_are_what_encoding_gives() {
    assert_eq!(BASELINE_FIELDS, RequestFields::new("", "", &Lane::base()).inherited());
}

#[test]
fn a_static_key_is_encoded_as_any_other() {
    const KEY: &StaticKey<11> = &StaticKey::new("db.system");
    let (mut fast, mut plain, limits) = (Draft::default(), Draft::default(), Limits::default());
    fast.set(KEY, Value::from("redis"), Keys::Distinct, &limits);
    plain.set("db.system", Value::from("redis"), Keys::Any, &limits);
    assert_eq!(fast.buf, plain.buf);
}

#[test]
fn an_event_keeps_its_message_when_an_attribute_before_it_is_replaced() {
    let (mut draft, limits) = (Draft::default(), Limits::default());
    let mut event = Event::begin(&mut draft, &limits, 7);
    event.set("a", Value::from("first"));
    event.set_message("hello");
    event.set("a", Value::Str(&"long".repeat(5_000)));
    let (encoded, message) = event.end("fallback");
    assert_eq!(message, Some("hello"));
    let event = Span::decode(encoded).unwrap().events.remove(0);
    assert_eq!((event.name.as_str(), event.time_unix_nano, event.attributes.len()), ("hello", 7, 1));

    let mut draft = Draft::default();
    let event = Event::begin(&mut draft, &limits, 7).end("fallback").0.to_owned();
    assert_eq!(Span::decode(event.as_slice()).unwrap().events[0].name, "fallback");
}

const QUEUE_LIMITS: crate::exporter::QueueLimits = crate::exporter::QueueLimits {
    max_spans: 1 << 20,
    max_bytes: 1 << 30,
    chunk_spans: 1 << 20,
    chunk_bytes: 1 << 29,
};

fn core() -> Arc<Core> {
    let queue = Queue::new(QUEUE_LIMITS);
    Arc::new(Core::new(Identity::default(), Sampler::default(), Limits::default(), true, queue))
}

fn recording(core: &Arc<Core>, name: &'static str) -> Box<Recording> {
    core.open(&Context::default(), name).take_recording().unwrap()
}

/// Everything that was finished, decoded.
fn collected(core: &Core) -> Vec<Span> {
    core.queue.collect();
    let mut bytes = Vec::new();
    while let Some(chunk) = core.queue.take() {
        bytes.extend(chunk.bytes);
    }
    ScopeSpans::decode(bytes.as_slice()).unwrap().spans
}

#[derive(Debug, Clone)]
enum Step {
    Set(u8, String),
    SetInt(u8, i64),
    Event(String),
    Link,
    Rename(String),
    Fail(String),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..6_u8, ".{0,300}").prop_map(|(key, text)| Step::Set(key, text)),
        (0..6_u8, any::<i64>()).prop_map(|(key, value)| Step::SetInt(key, value)),
        ".{0,40}".prop_map(Step::Event),
        Just(Step::Link),
        ".{1,40}".prop_map(Step::Rename),
        ".{1,40}".prop_map(Step::Fail),
    ]
}

proptest! {
    /// Whatever is recorded in whatever order: the official decoder reads back what a plain model of a span holds.
    #[test]
    fn what_is_recorded_is_what_is_sent(steps in proptest::collection::vec(step(), 0..40)) {
        let core = core();
        let mut recording = recording(&core, "name");
        let context = recording.context().clone();
        let limits = Limits::default();
        let mut attributes: Vec<(String, any_value::Value)> = Vec::new();
        let (mut events, mut links, mut name, mut message) = (Vec::new(), 0, "name".to_owned(), None);
        let mut put = |key: u8, value: any_value::Value| {
            let key = format!("key{key}");
            attributes.retain(|(existing, _)| *existing != key);
            attributes.push((key, value));
        };
        for step in steps {
            match step {
                Step::Set(key, value) => {
                    recording.draft_mut().set(format!("key{key}").as_str(), Value::Str(&value), Keys::Any, &limits);
                    put(key, text(&value));
                }
                Step::SetInt(key, value) => {
                    recording.draft_mut().set(format!("key{key}").as_str(), Value::Int(value), Keys::Any, &limits);
                    put(key, any_value::Value::IntValue(value));
                }
                Step::Event(name) => {
                    with_draft(|draft| {
                        let event = Event::begin(draft, &limits, 1);
                        recording.add_event(event.end(&name).0);
                    });
                    events.push(name);
                }
                Step::Link => {
                    recording.add_link(&context, &[]);
                    links += 1;
                }
                Step::Rename(to) => {
                    recording.draft_mut().rename(&to, &limits);
                    name = to;
                }
                Step::Fail(reason) => {
                    recording.fail(Some(&reason));
                    message.get_or_insert(reason);
                }
            }
        }
        finish(recording);
        let spans = collected(&core);
        prop_assert_eq!(spans.len(), 1);
        let sent = &spans[0];
        let mut expected = vec![(Lane::KEY.to_owned(), text("base"))];
        expected.extend(attributes);
        prop_assert_eq!(pairs(sent.attributes.clone()), expected);
        prop_assert_eq!(&sent.name, &name);
        prop_assert_eq!(sent.events.iter().map(|event| event.name.clone()).collect::<Vec<_>>(), events);
        prop_assert_eq!(sent.links.len(), links);
        prop_assert_eq!(sent.status.as_ref().map(|status| status.message.clone()), message);
        prop_assert_eq!(sent.span_id.clone(), context.span_id().unwrap().to_bytes());
        prop_assert!(sent.start_time_unix_nano <= sent.end_time_unix_nano);
    }
}

#[test]
fn spans_of_any_size_arrive_from_any_thread() {
    let core = core();
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let core = core.clone();
            std::thread::spawn(move || {
                for i in 0..2_000_usize {
                    let mut recording = recording(&core, "span");
                    // Some larger than a segment.
                    let long = "x".repeat(if i % 100 == 0 { 30_000 + i } else { i % 700 });
                    for key in ["a", "b"] {
                        recording.draft_mut().set(key, Value::Str(&long), Keys::Any, &Limits::default());
                    }
                    if i % 3 == 0 {
                        // Ends elsewhere.
                        std::thread::spawn(move || finish(recording)).join().unwrap();
                    } else {
                        finish(recording);
                    }
                }
            })
        })
        .collect();
    let mut spans = 0;
    while threads.iter().any(|thread| !thread.is_finished()) {
        spans += collected(&core).len();
    }
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    spans += collected(&core).len();
    assert_eq!(spans, 8_000);
    assert_eq!(core.queue.counters().dropped(), 0);
}

proptest! {
    /// Attributes that are written together are what they are one by one, whatever they hold.
    #[test]
    fn attributes_together_are_those_one_by_one(
        text in ".{0,140}",
        int in prop_oneof![0..300_i64, any::<i64>()],
        double: f64,
        flag: bool,
        max_attributes in 0..6_usize,
        text_bytes in prop_oneof![Just(10_usize), Just(1_000)],
    ) {
        const KEYS: (&StaticKey<6>, &StaticKey<5>, &StaticKey<8>, &StaticKey<6>) =
            (&StaticKey::new("text"), &StaticKey::new("int"), &StaticKey::new("double"), &StaticKey::new("flag"));
        let core = Arc::new(Core::new(
            Identity::default(),
            Sampler::default(),
            limits(max_attributes, text_bytes),
            true,
            Queue::new(QUEUE_LIMITS),
        ));
        let values =
            [Value::Str(&text), Value::Int(int), Value::Double(double), Value::Bool(flag)];
        let mut together = recording(&core, "name");
        let [first, second, third, fourth] = values;
        together.describe(
            "name",
            ((KEYS.0, first), ((KEYS.1, second), ((KEYS.2, third), ((KEYS.3, fourth), ())))),
        );
        finish(together);
        let mut one_by_one = recording(&core, "name");
        for (key, value) in ["text", "int", "double", "flag"].into_iter().zip(values) {
            one_by_one.draft_mut().set(key, value, Keys::Any, &core.limits);
        }
        finish(one_by_one);
        let [together, one_by_one] = collected(&core).try_into().unwrap();
        prop_assert_eq!(&together.name, "name");
        prop_assert_eq!(&one_by_one.name, "name");
        prop_assert_eq!(together.attributes, one_by_one.attributes);
        prop_assert_eq!(together.dropped_attributes_count, one_by_one.dropped_attributes_count);
    }
}

proptest! {
    /// What is written behind an encoded name is what is written with the name.
    #[test]
    fn encoded_names_are_names(name in "[a-z.]{0,34}", text in ".{0,100}", int in 0..300_u64, flag: bool) {
        let Some(key) = PaddedKey::new(&name) else {
            prop_assert!(name.len() > 29);
            return Ok(());
        };
        let (mut fast, mut plain, limits) = (Draft::default(), Draft::default(), Limits::default());
        fast.buf.reserve(300);
        let mut set = |is_added: bool, value: Value<'_>| {
            if is_added {
                plain.set(name.as_str(), value, Keys::Distinct, &limits);
            }
        };
        set(fast.add_short_text(&key, &text), Value::Str(&text));
        set(fast.add_short_int(&key, int), Value::Uint(int));
        set(fast.add_bool(&key, flag), Value::Bool(flag));
        if name != Lane::KEY {
            prop_assert_eq!(decoded(&fast), decoded(&plain));
            prop_assert_eq!(fast.attributes, plain.attributes);
        }
    }
}
