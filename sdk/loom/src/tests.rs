use std::num::NonZeroU64;

use loom::sync::Arc;
use loom::thread;

use super::depot::Depot;
use super::segment::{Extent, Segment};
use super::slots::Slots;

/// A reader follows a writer: what it reads are whole spans, each once, in order, and in the end all.
#[test]
fn what_is_said_to_be_filled_is_there() {
    loom::model(|| {
        let mut writer = Segment::with_capacity(4);
        let segment = writer.segment().clone();
        let reader = thread::spawn(move || {
            let (mut out, mut taken) = (Vec::new(), Extent::default());
            for _ in 0..2 {
                let filled = segment.filled();
                segment.read(taken, filled, &mut out);
                taken = filled;
            }
            assert_eq!(out.len(), 2 * taken.spans);
            (out, taken)
        });
        assert_eq!([writer.push(&[1], [&[], &[2]]), writer.push(&[], [&[3, 4]])], [Some(1), Some(2)]);
        assert_eq!(writer.push(&[], [&[5]]), None, "it is full");
        let segment = writer.segment().clone();
        drop(writer);
        let (mut out, taken) = reader.join().unwrap();
        segment.read(taken, segment.filled(), &mut out);
        assert_eq!(out, [1, 2, 3, 4]);
    });
}

/// A segment is written anew only when nobody reads it any more.
#[test]
fn memory_is_reused_when_it_was_read() {
    loom::model(|| {
        let mut writer = Segment::with_capacity(2);
        assert_eq!(writer.push(&[], [&[1]]), Some(1));
        let segment = writer.segment().clone();
        let reader = thread::spawn(move || {
            let mut out = Vec::new();
            segment.read(Extent::default(), segment.filled(), &mut out);
            assert_eq!(out, [1]);
        });
        let segment = writer.segment().clone();
        drop(writer);
        if let Some(mut writer) = Segment::reuse(segment) {
            assert_eq!(writer.segment().filled(), Extent::default());
            assert_eq!(writer.push(&[], [&[2, 3]]), Some(1));
        }
        reader.join().unwrap();
    });
}

/// Items go from one thread to another through the depot; none is lost or there twice.
#[test]
fn the_depot_hands_each_item_out_once() {
    loom::model(|| {
        let depot = Arc::new(Depot::with_capacity(8));
        let giver = {
            let depot = depot.clone();
            thread::spawn(move || {
                let mut stock = vec![1, 2, 3];
                depot.give(&mut stock, 1);
                depot.take(&mut stock, 1);
                stock
            })
        };
        let mut stock = Vec::new();
        depot.take(&mut stock, 2);
        let mut all = giver.join().unwrap();
        depot.take(&mut all, 9);
        all.extend(stock);
        all.sort_unstable();
        assert_eq!(all, [1, 2, 3]);
    });
}

/// Beyond its capacity the depot drops.
#[test]
fn the_depot_is_bounded() {
    loom::model(|| {
        let depot = Depot::with_capacity(2);
        let mut stock = vec![1, 2, 3, 4];
        depot.give(&mut stock, 0);
        assert!(stock.is_empty());
        depot.take(&mut stock, 9);
        assert_eq!(stock, [1, 2]);
    });
}

/// Two places; one is left out, so that all small odd ids have the other.
type OneSlot<T> = Slots<T, 2>;

fn id(id: u64) -> NonZeroU64 {
    NonZeroU64::new(id).unwrap()
}

/// A value is used by one thread at a time: what each does to it is there in the end.
#[test]
fn a_value_is_used_by_one_at_a_time() {
    loom::model(|| {
        let slots = Arc::new(OneSlot::new());
        slots.vacancy(id(1)).unwrap().put(vec![0]);
        let other = {
            let slots = slots.clone();
            thread::spawn(move || slots.get(id(1)).unwrap().value().push(1))
        };
        // It may be in use.
        let is_tried = slots.try_get(id(1)).map(|mut held| held.value().push(2)).is_some();
        if !is_tried {
            slots.get(id(1)).unwrap().value().push(2);
        }
        other.join().unwrap();
        let mut value = slots.get(id(1)).unwrap().take();
        value.sort_unstable();
        assert_eq!(value, [0, 1, 2]);
        assert!(slots.get(id(1)).is_none());
    });
}

/// Of two threads that want to take a value out, one gets it.
#[test]
fn a_value_is_taken_once() {
    loom::model(|| {
        let slots = Arc::new(OneSlot::new());
        slots.vacancy(id(1)).unwrap().put(Box::new(7));
        let other = {
            let slots = slots.clone();
            thread::spawn(move || slots.get(id(1)).map(|held| *held.take()))
        };
        let mine = slots.get(id(1)).map(|held| *held.take());
        let theirs = other.join().unwrap();
        assert_eq!(mine.xor(theirs), Some(7), "{mine:?} {theirs:?}");
    });
}

/// A place goes from one id to another while somebody still asks for the first: nobody finds the value of the other.
#[test]
fn a_place_that_is_another_id_s_now_is_not_mistaken() {
    loom::model(|| {
        let slots = Arc::new(OneSlot::new());
        slots.vacancy(id(1)).unwrap().put(Box::new(1));
        let late = {
            let slots = slots.clone();
            thread::spawn(move || slots.get(id(1)).map(|mut held| **held.value()))
        };
        if let Some(held) = slots.try_get(id(1)) {
            held.take();
            if let Some(vacancy) = slots.vacancy(id(3)) {
                vacancy.put(Box::new(3));
            }
        }
        assert!(matches!(late.join().unwrap(), None | Some(1)));
    });
}

/// Two threads want a place for different ids: one gets it, and its value is found under its id only.
#[test]
fn a_place_is_given_to_one() {
    loom::model(|| {
        let slots = Arc::new(OneSlot::new());
        let put = |slots: &OneSlot<Box<u64>>, n| {
            slots.vacancy(id(n)).map(|vacancy| vacancy.put(Box::new(n))).is_some()
        };
        let other = {
            let slots = slots.clone();
            thread::spawn(move || put(&slots, 3))
        };
        let is_mine = put(&slots, 1);
        assert!(is_mine != other.join().unwrap(), "one of them");
        let found = [1, 3].map(|n| slots.get(id(n)).map(|mut held| **held.value()));
        assert_eq!(found, if is_mine { [Some(1), None] } else { [None, Some(3)] });
    });
}

/// The mark of an empty place is an id as well, of which nothing is known.
#[test]
fn no_id_looks_like_a_mark() {
    loom::model(|| {
        let slots = OneSlot::<u8>::new();
        for n in [u64::MAX, 2, 4] {
            assert!(slots.vacancy(id(n)).is_none() && slots.get(id(n)).is_none(), "{n}");
        }
    });
}
