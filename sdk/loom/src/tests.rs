use loom::sync::Arc;
use loom::thread;

use super::depot::Depot;
use super::segment::{Extent, Segment};

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
        assert!(writer.push(&[1], [&[], &[2]]) && writer.push(&[], [&[3, 4]]));
        assert!(!writer.push(&[], [&[5]]), "it is full");
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
        assert!(writer.push(&[], [&[1]]));
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
            assert!(writer.push(&[], [&[2, 3]]));
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
