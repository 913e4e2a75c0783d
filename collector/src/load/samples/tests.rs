use super::*;
use crate::load::fleet::Fleet;
use crate::load::plan::{Plan, Sizes};

fn plan() -> Plan {
    Plan::new(&Fleet::new(30, &[], 5, 40), 1, Sizes { spans: 1000, batch: 50, split: 4 })
}

#[test]
fn with_enough_samples_every_acknowledged_span_is_in_one() {
    let plan = plan();
    let sampler = Sampler::new(u64::MAX / 1000, plan.groups());
    let exports = (0..).map_while(|number| plan.export(number));
    let acked: usize = exports
        .step_by(3)
        .map(|export| {
            sampler.acknowledged(&export);
            export.places.len()
        })
        .sum();
    let samples = sampler.finish();
    assert_eq!(samples.iter().map(|sample| sample.acked.len()).sum::<usize>(), acked);
}

#[test]
fn samples_are_spread_over_all_groups() {
    let plan = plan();
    let sampler = Sampler::new(10, plan.groups());
    (0..).map_while(|number| plan.export(number)).for_each(|export| sampler.acknowledged(&export));
    let groups: Vec<u64> = sampler.acked.lock().keys().map(|(group, _)| *group).collect();
    assert_eq!(groups, [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]);
}

#[test]
fn a_file_gives_back_what_was_written() {
    let plan = plan();
    let sampler = Sampler::new(10, plan.groups());
    (0..).map_while(|number| plan.export(number)).for_each(|export| sampler.acknowledged(&export));
    let samples = sampler.finish();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("samples");
    write(&file, &samples).unwrap();
    assert_eq!(read(&file).unwrap(), samples);

    std::fs::write(&file, "{}\n").unwrap();
    assert!(format!("{:#}", read(&file).unwrap_err()).contains("missing field `traceId`"));
}
