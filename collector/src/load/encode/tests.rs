use std::collections::BTreeSet;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span as Decoded;
use prost::Message;

use super::*;
use crate::load::ids::GroupIds;

const SPANS: usize = 4000;

fn fleet() -> Fleet {
    let lanes =
        ["grey-v2", "staging", "ab-blue", "load-test", "dev-ana"].map(|name| Lane::new(name).unwrap());
    Fleet::new(30, &lanes, 5, 40)
}

/// A group in exports of 1000 spans, as bytes and decoded by the official structs.
fn exports(ids: &GroupIds) -> (Vec<Span>, usize, Vec<ExportTraceServiceRequest>) {
    let (fleet, mut bytes) = (fleet(), 0);
    let group = fleet.group(7, SPANS);
    let decoded = group
        .chunks(1000)
        .enumerate()
        .map(|(part, chunk)| {
            let template = export(&fleet, chunk, part * 1000);
            let mut body = Vec::new();
            template.fill(ids, 1_700_000_000_000_000_000, &mut body);
            bytes += body.len();
            ExportTraceServiceRequest::decode(&body[..]).unwrap()
        })
        .collect();
    (group, bytes, decoded)
}

fn spans(exports: &[ExportTraceServiceRequest]) -> Vec<&Decoded> {
    let resources = exports.iter().flat_map(|export| &export.resource_spans);
    resources.flat_map(|resource| &resource.scope_spans).flat_map(|scope| &scope.spans).collect()
}

#[test]
fn the_official_structs_read_every_span_with_its_place_in_the_group() {
    let ids = GroupIds::new(1, 0);
    let (group, _, exports) = exports(&ids);
    let decoded = spans(&exports);
    assert_eq!(decoded.len(), SPANS);
    for (place, (span, decoded)) in group.iter().zip(decoded).enumerate() {
        let id =
            |span: Option<u32>| span.map(|span| ids.span_id(span).to_bytes().to_vec()).unwrap_or_default();
        assert_eq!(decoded.trace_id, ids.trace_id(span.trace).as_bytes());
        assert_eq!(decoded.span_id, id(Some(place as u32)));
        assert_eq!(decoded.parent_span_id, id(span.parent));
        assert_eq!(decoded.links.first().map(|link| link.span_id.clone()).unwrap_or_default(), id(span.link));
        assert_eq!(decoded.start_time_unix_nano, 1_700_000_000_000_000_000 + span.start_ns);
        assert_eq!(decoded.end_time_unix_nano - decoded.start_time_unix_nano, span.duration_ns);
        assert_eq!(decoded.events.len(), usize::from(span.error));
        assert_eq!(decoded.status.as_ref().map_or(0, |status| status.code), 2 * i32::from(span.error));
        assert!(
            (8..=12).contains(&decoded.attributes.len()),
            "{} has {}",
            decoded.name,
            decoded.attributes.len()
        );
        let lane = decoded.attributes.iter().any(|attribute| attribute.key == "lane");
        assert_eq!(lane, !span.lane.is_base());
    }
}

/// The load that peers were measured with: bytes and attributes decide what a span costs.
#[test]
fn the_load_has_the_weight_that_peers_were_measured_with() {
    let (group, bytes, exports) = exports(&GroupIds::new(1, 0));
    let per_span = bytes as f64 / SPANS as f64;
    assert!((470.0..490.0).contains(&per_span), "{per_span} bytes per span");
    let errors = group.iter().filter(|span| span.error).count();
    assert!((SPANS / 100..SPANS * 3 / 100).contains(&errors), "{errors} errors");
    let resources = exports.iter().flat_map(|export| &export.resource_spans);
    assert!(resources.clone().all(|resource| resource.resource.as_ref().unwrap().attributes.len() == 12));
    let operations: BTreeSet<_> = spans(&exports).iter().map(|span| span.name.clone()).collect();
    assert!(operations.len() > 30 * 15, "{} operations", operations.len());
}

#[test]
fn sends_differ_in_ids_times_and_numbers_only() {
    let shape = |exports: &[ExportTraceServiceRequest]| {
        let describe =
            |span: &&Decoded| (span.name.clone(), span.kind, span.attributes.len(), span.links.len());
        spans(exports).iter().map(describe).collect::<Vec<_>>()
    };
    let (first, second) = (exports(&GroupIds::new(1, 0)).2, exports(&GroupIds::new(1, 1)).2);
    assert_eq!(shape(&first), shape(&second));
    let ids = |exports: &[ExportTraceServiceRequest]| {
        spans(exports).iter().map(|span| span.span_id.clone()).collect::<BTreeSet<_>>()
    };
    assert_eq!(ids(&first).len(), SPANS);
    assert!(ids(&first).is_disjoint(&ids(&second)));
}
