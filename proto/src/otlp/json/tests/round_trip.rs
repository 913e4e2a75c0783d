//! Requests that were made up.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use proptest::prelude::*;
use prost::Message;

use crate::otlp::json::{from_protobuf, to_protobuf};
use crate::otlp::reader::TracesRequest;
use crate::otlp::reader::tests::{generate, loose, rebuild};

/// Calls `change` with every attribute of the request, those in maps included.
fn for_each_attribute(request: &mut ExportTraceServiceRequest, change: &mut dyn FnMut(&mut KeyValue)) {
    let mut each = |attributes: &mut Vec<KeyValue>| {
        attributes.iter_mut().for_each(|attribute| for_each_within(attribute, change));
    };
    for resource_spans in &mut request.resource_spans {
        resource_spans.resource.iter_mut().for_each(|resource| each(&mut resource.attributes));
        for scope_spans in &mut resource_spans.scope_spans {
            scope_spans.scope.iter_mut().for_each(|scope| each(&mut scope.attributes));
            for span in &mut scope_spans.spans {
                each(&mut span.attributes);
                span.events.iter_mut().for_each(|event| each(&mut event.attributes));
                span.links.iter_mut().for_each(|link| each(&mut link.attributes));
            }
        }
    }
}

fn for_each_within(attribute: &mut KeyValue, change: &mut dyn FnMut(&mut KeyValue)) {
    change(attribute);
    attribute.value.iter_mut().for_each(|value| for_each_in_value(value, change));
}

fn for_each_in_value(value: &mut AnyValue, change: &mut dyn FnMut(&mut KeyValue)) {
    match &mut value.value {
        Some(Value::ArrayValue(array)) => {
            for value in &mut array.values {
                // An element has no key, but is otherwise as good as an attribute.
                let mut element =
                    KeyValue { key: "element".into(), value: Some(value.clone()), key_strindex: 0 };
                for_each_within(&mut element, change);
                *value = element.value.unwrap_or_default();
            }
        }
        Some(Value::KvlistValue(entries)) => {
            entries.values.iter_mut().for_each(|entry| for_each_within(entry, change));
        }
        _ => {}
    }
}

/// JSON has one NaN.
fn with_one_nan(mut request: ExportTraceServiceRequest) -> ExportTraceServiceRequest {
    for_each_attribute(&mut request, &mut |attribute| {
        if let Some(Value::DoubleValue(value)) =
            attribute.value.as_mut().and_then(|value| value.value.as_mut())
            && value.is_nan()
        {
            *value = f64::NAN;
        }
    });
    request
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn protobuf_to_json_and_back_is_the_same(request in generate::request()) {
        let request = with_one_nan(request);
        let json = from_protobuf(&request.encode_to_vec()).unwrap();
        let back = to_protobuf(&json).unwrap();

        let mut expected = request;
        rebuild::normalise(&mut expected);
        // Encoded, because a NaN is not equal to itself.
        prop_assert_eq!(rebuild::request(&back).unwrap().encode_to_vec(), expected.encode_to_vec());
        // Any JSON parser reads it, and writing it again changes nothing.
        prop_assert!(serde_json::from_slice::<serde::de::IgnoredAny>(&json).is_ok());
        prop_assert_eq!(from_protobuf(&back).unwrap(), json);
    }

    /// Both directions against the serde implementation of `opentelemetry-proto`, where that one is right: it
    /// has no text for NaN and infinity in attributes, wants all fields of an entity and each attribute's key
    /// to be there.
    #[test]
    fn the_official_structs_agree(request in generate::request()) {
        let mut request = request;
        for resource in request.resource_spans.iter_mut().filter_map(|r| r.resource.as_mut()) {
            resource.entity_refs.clear();
        }
        for_each_attribute(&mut request, &mut |attribute| {
            attribute.key_strindex = 0;
            if attribute.key.is_empty() {
                attribute.key.push('k');
            }
            match attribute.value.as_mut().map(|value| &mut value.value) {
                Some(value @ Some(Value::StringValueStrindex(_))) => *value = None,
                Some(Some(Value::DoubleValue(value))) if !value.is_finite() => *value = 0.5,
                _ => {}
            }
        });
        let mut expected = request.clone();
        rebuild::normalise(&mut expected);

        let ours = to_protobuf(&serde_json::to_vec(&request).unwrap()).unwrap();
        prop_assert_eq!(rebuild::request(&ours).unwrap(), expected.clone());

        let json = from_protobuf(&request.encode_to_vec()).unwrap();
        let mut theirs: ExportTraceServiceRequest = serde_json::from_slice(&json).unwrap();
        rebuild::normalise(&mut theirs);
        prop_assert_eq!(theirs, expected);
    }
}

#[test]
fn damaged_json_is_refused_or_means_a_valid_request() {
    let requests = generate::samples(generate::request(), 60);
    let seeds: Vec<Vec<u8>> = requests
        .iter()
        .map(|request| from_protobuf(&request.encode_to_vec()).unwrap())
        .filter(|json| json.len() > 40 && json.len() < 8_000)
        .collect();
    let mut random = loose::Random::new(2);
    let mut accepted = 0;
    for _ in 0..6_000 {
        let seed = &seeds[random.below(seeds.len())];
        let other = &seeds[random.below(seeds.len())];
        if let Ok(protobuf) = to_protobuf(&random.damage(seed, other)) {
            TracesRequest::new(&protobuf).validate().unwrap();
            accepted += 1;
        }
    }
    assert!((200..5_800).contains(&accepted), "{accepted}");
}
