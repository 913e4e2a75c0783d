use std::sync::Arc;

use proptest::prelude::*;

use super::*;

fn metadata() -> &'static Metadata<'static> {
    tracing::info_span!("any").metadata().or(tracing::error_span!("any").metadata()).unwrap()
}

/// Ids that want the same places, as those of a registry do that reuses its slots, and others.
fn any_id() -> impl Strategy<Value = NonZeroU64> {
    let places = PLACES as u64;
    let ids = prop_oneof![
        1..100_u64,
        (1..20_u64).prop_map(move |n| n * places),
        (1..20_u64).prop_map(|n| n << 51 | 7),
        Just(u64::MAX)
    ];
    ids.prop_map(|id| NonZeroU64::new(id).unwrap())
}

/// What is taken out is dropped once, and what is left is when the table is.
#[test]
fn nothing_is_dropped_twice_or_never() {
    let _subscriber = tracing::subscriber::set_default(tracing_subscriber::registry());
    let context = Arc::new(Context::EMPTY);
    let table = Table::new();
    // The last two want places that are taken, or that is nobody's.
    let ids = [1, 2, PLACES as u64 + 1, u64::MAX].map(|id| NonZeroU64::new(id).unwrap());
    for id in ids {
        table.insert(id, Opened::Shared(context.clone()), metadata());
    }
    assert_eq!(Arc::strong_count(&context), 1 + ids.len());
    assert!(table.remove(ids[0], drop) && !table.remove(ids[0], drop));
    assert_eq!(Arc::strong_count(&context), ids.len());
    assert!(table.with(ids[2], |span| span.handles) == Some(1) && table.release(ids[3], drop));
    drop(table);
    assert_eq!(Arc::strong_count(&context), 1);
}

proptest! {
    #[test]
    fn it_holds_what_a_map_holds(steps in proptest::collection::vec((any_id(), 0..4_u8, 1..4_usize), 1..400)) {
        let _subscriber = tracing::subscriber::set_default(tracing_subscriber::registry());
        let (table, mut model) = (Table::new(), HashMap::<NonZeroU64, usize>::new());
        for (id, step, handles) in steps {
            let seen = match step {
                0 if !model.contains_key(&id) => {
                    table.insert(id, Opened::Nothing, metadata());
                    table.with(id, |span| span.handles = handles);
                    model.insert(id, handles);
                    continue;
                }
                1 => (table.remove(id, drop).then_some(0), model.remove(&id).map(|_| 0)),
                2 => {
                    let left = model.get_mut(&id).map(|left| { *left -= 1; *left });
                    let is_last = left == Some(0);
                    if is_last {
                        model.remove(&id);
                    }
                    (table.release(id, drop).then_some(0), is_last.then_some(0))
                }
                _ => (table.with(id, |span| span.handles), model.get(&id).copied()),
            };
            prop_assert_eq!(seen.0, seen.1);
        }
    }
}
