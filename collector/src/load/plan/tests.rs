use std::collections::BTreeMap;

use super::*;

fn plan(spans: u64, batch: usize, split: usize) -> Plan {
    Plan::new(&Fleet::new(30, &[], 5, 40), 1, Sizes { spans, batch, split })
}

fn exports(plan: &Plan) -> Vec<Export<'_>> {
    (0..).map_while(|number| plan.export(number)).collect()
}

#[test]
fn the_exports_add_up_to_the_spans_asked_for() {
    for (spans, batch, split) in
        [(1, 10, 4), (39, 10, 4), (40, 10, 4), (41, 10, 4), (1000, 7, 3), (250_000, 1000, 4), (30, 10, 1)]
    {
        let plan = plan(spans, batch, split);
        let exports = exports(&plan);
        assert_eq!(exports.iter().map(|export| export.places.len() as u64).sum::<u64>(), spans);
        assert_eq!(exports.len() as u64, spans.div_ceil(batch as u64));
        assert!(exports.iter().all(|export| export.traces.len() == export.places.len()));
        assert!(plan.export(exports.len() as u64 + split as u64).is_none());
    }
}

#[test]
fn no_two_spans_of_a_run_have_the_same_id_and_a_trace_stays_within_its_group() {
    let plan = plan(250_000, 1000, 4);
    let mut spans = BTreeMap::new();
    let mut groups = BTreeMap::new();
    for export in exports(&plan) {
        for (place, &trace) in export.places.clone().zip(export.traces) {
            let trace_id = export.ids.trace_id(trace);
            assert!(spans.insert(export.ids.span_id(place as u32), trace_id).is_none());
            assert_eq!(*groups.entry(trace_id).or_insert(export.group), export.group);
        }
    }
}

#[test]
fn the_rate_sets_when_an_export_is_due() {
    let schedule = Schedule::new(plan(1000, 100, 4), Some(50.0));
    let due: Vec<u64> = std::iter::from_fn(|| schedule.next())
        .map(|job| (job.due - schedule.began()).as_millis() as u64)
        .collect();
    assert_eq!(due, (0..10).map(|export| export * 2000).collect::<Vec<_>>());
}

#[test]
fn exports_of_a_group_tell_of_the_same_past() {
    let schedule = Schedule::new(plan(80, 10, 4), None);
    let starts: Vec<u64> = std::iter::from_fn(|| schedule.next()).map(|job| job.start_unix_ns).collect();
    assert!(starts.chunks(4).all(|group| group.iter().all(|start| *start == group[0])));
    assert!(starts[0] + GROUP_NS <= now_unix_ns());
}

#[test]
fn a_stopped_schedule_hands_out_nothing_more() {
    let schedule = Schedule::new(plan(80, 10, 4), None);
    assert!(schedule.next().is_some());
    schedule.stop();
    assert!(schedule.next().is_none());
}
