use super::*;

#[test]
fn what_is_dropped_can_be_taken_again() {
    let budget = Budget::new(100);
    let mut kept = budget.take(40).unwrap();
    for _ in 0..3 {
        drop(budget.take(60).unwrap());
    }
    kept.more(60).unwrap();
    assert!(budget.take(0).is_ok());
    for bytes in [1, usize::MAX] {
        let refused = budget.take(bytes);
        assert!(matches!(refused, Err(QueryError::TooLarge { limit_bytes: 100 })), "{bytes}");
    }
    drop(kept);
    assert!(budget.take(100).is_ok());
}
