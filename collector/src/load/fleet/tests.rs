use std::collections::BTreeMap;

use super::*;

fn fleet() -> Fleet {
    let lanes = ["grey-v2", "base", "staging"].map(|name| Lane::new(name).unwrap());
    Fleet::new(30, &lanes, 5, 40)
}

#[test]
fn a_group_has_exactly_the_spans_asked_for_and_depends_on_the_seed_alone() {
    for spans in [1, 2, 7, 4000] {
        assert_eq!(fleet().group(1, spans).len(), spans);
    }
    let starts = |seed| fleet().group(seed, 500).iter().map(|span| span.start_ns).collect::<Vec<_>>();
    assert_eq!(starts(1), starts(1));
    assert_ne!(starts(1), starts(2));
}

#[test]
fn every_trace_is_one_tree_in_time_and_of_the_size_asked_for() {
    let group = fleet().group(3, 4000);
    let mut sizes = BTreeMap::<u32, usize>::new();
    for span in &group {
        *sizes.entry(span.trace).or_default() += 1;
        let end_ns = span.start_ns + span.duration_ns;
        assert!(end_ns <= GROUP_NS, "{span:?}");
        let Some(parent) = span.parent.map(|parent| &group[parent as usize]) else { continue };
        assert_eq!(parent.trace, span.trace);
        assert!(parent.start_ns <= span.start_ns, "{span:?}");
        if !matches!(span.work, Work::Consume { .. }) {
            assert!(end_ns <= parent.start_ns + parent.duration_ns, "{span:?} outlives {parent:?}");
        }
    }
    let roots = group.iter().filter(|span| span.parent.is_none()).count();
    assert_eq!(roots, sizes.len());
    let (_last, full) = sizes.iter().next_back().map(|(last, _)| (last, sizes.len() - 1)).unwrap();
    assert!(sizes.values().take(full).all(|size| (5..=40).contains(size)));
}

#[test]
fn hops_join_the_services_they_name() {
    let group = fleet().group(4, 4000);
    for span in &group {
        let parent = span.parent.map(|parent| &group[parent as usize]);
        match (span.work, parent.map(|parent| parent.work)) {
            (Work::Serve { operation }, Some(caller)) => {
                assert_eq!(caller, Work::Call { peer: span.service, operation })
            }
            (Work::Consume { publisher }, Some(Work::Publish)) => {
                assert_eq!(parent.unwrap().service, publisher);
                assert_eq!(span.link, span.parent);
            }
            (Work::Consume { .. }, other) => panic!("a consumer below {other:?}"),
            (_, Some(host)) => assert!(matches!(host, Work::Serve { .. } | Work::Consume { .. })),
            (_, None) => assert!(matches!(span.work, Work::Serve { .. })),
        }
    }
}

#[test]
fn requests_of_a_lane_fall_back_to_the_baseline_and_no_others_enter_it() {
    let fleet = fleet();
    let group = fleet.group(5, 40_000);
    let mut served = BTreeMap::<bool, usize>::new();
    for span in group.iter().filter(|span| !span.lane.is_base()) {
        let lane = fleet.instance_lane(span.instance);
        assert!(lane.is_base() || *lane == span.lane);
        *served.entry(lane.is_base()).or_default() += 1;
    }
    assert!(served[&true] > served[&false] && served[&false] > 0, "{served:?}");
    assert!(
        group
            .iter()
            .filter(|span| span.lane.is_base())
            .all(|span| fleet.instance_lane(span.instance).is_base())
    );
}

#[test]
fn names_of_many_services_are_distinct() {
    let fleet = Fleet::new(95, &[], 1, 1);
    let names: std::collections::BTreeSet<String> =
        (0..95).map(|service| fleet.service_name(service)).collect();
    assert_eq!(names.len(), 95);
}

#[test]
fn an_operation_calls_one_of_each_service_unless_any_is_wanted() {
    let pairs = |calls| {
        let group = fleet().with_calls(calls).group(5, 20_000);
        let mut pairs = BTreeMap::<_, std::collections::BTreeSet<usize>>::new();
        for span in &group {
            if let (Work::Call { peer, operation }, Some(host)) = (span.work, span.parent)
                && let Work::Serve { operation: received } = group[host as usize].work
            {
                pairs.entry((span.service, received, peer)).or_default().insert(operation);
            }
        }
        pairs
    };
    assert!(pairs(Calls::Fixed).values().all(|called| called.len() == 1));
    assert!(pairs(Calls::Random).values().any(|called| called.len() > 5));
}
