use super::*;

const MINUTE_NS: u64 = 60 * 1_000_000_000;

fn recent(queries: &Queries, minute: u64) -> u64 {
    queries.stats(minute * MINUTE_NS).recent_duration_ns.count()
}

#[test]
fn what_is_recent_is_of_the_last_five_to_ten_minutes() {
    let queries = Queries::new(4);
    let end = |minute| queries.arrived().ended(QueryOutcome::Answered, minute * MINUTE_NS);
    end(1_000);
    assert_eq!(recent(&queries, 1_004), 1);
    end(1_005);
    assert_eq!([1_005, 1_009, 1_010, 1_014, 1_015].map(|minute| recent(&queries, minute)), [2, 2, 1, 1, 0]);
    end(1_020);
    assert_eq!(recent(&queries, 1_000), 1, "a clock that was set back");
    assert_eq!(queries.stats(0).ended(QueryOutcome::Answered), 3);
}

#[tokio::test]
async fn who_waits_does_not_run_and_who_goes_away_has_cancelled() {
    let queries = Queries::new(1);
    let (first, second) = (queries.arrived(), queries.arrived());
    let slot = queries.slot().await;
    let mut waits = Box::pin(queries.slot());
    tokio::select! {
        biased;
        _ = &mut waits => panic!("there is one place"),
        () = std::future::ready(()) => {}
    }
    let stats = queries.stats(0);
    assert_eq!((stats.running, stats.waiting, stats.limit), (1, 1, 1));
    drop((waits, second));
    drop(slot);
    first.ended(QueryOutcome::Failed, 0);
    let stats = queries.stats(0);
    assert_eq!((stats.running, stats.waiting), (0, 0));
    assert_eq!((stats.ended(QueryOutcome::Failed), stats.ended(QueryOutcome::Cancelled)), (1, 1));
}

#[test]
fn every_outcome_is_counted_in_a_place_of_its_own() {
    for (place, outcome) in QueryOutcome::ALL.into_iter().enumerate() {
        assert_eq!(outcome as usize, place);
    }
}
