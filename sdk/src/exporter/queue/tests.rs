use super::*;

const LIMITS: QueueLimits = QueueLimits { max_spans: 5, max_bytes: 100, chunk_spans: 2, chunk_bytes: 40 };

fn queue() -> Arc<Queue> {
    Arc::new(Queue::new(LIMITS))
}

fn dropped(queue: &Queue) -> u64 {
    queue.counters().dropped()
}

fn bytes_and_spans(chunk: Option<Chunk>) -> Option<(Vec<u8>, usize)> {
    chunk.map(|chunk| (chunk.bytes, chunk.spans))
}

#[test]
fn spans_leave_in_chunks_and_in_order() {
    let queue = queue();
    let mut sender = Sender::new(queue.clone());
    for span in 0..3_u8 {
        sender.send(&[span; 4]);
    }
    assert_eq!(bytes_and_spans(queue.take_full()), Some((vec![0, 0, 0, 0, 1, 1, 1, 1], 2)));
    assert!(queue.take_full().is_none(), "one span is not enough");
    assert!(queue.take().is_none(), "it is still with its thread");
    queue.collect();
    assert_eq!(bytes_and_spans(queue.take()), Some((vec![2; 4], 1)));
    sender.send(&[3]);
    queue.collect();
    assert_eq!(bytes_and_spans(queue.take()), Some((vec![3], 1)), "nothing is taken twice");
}

#[test]
fn what_a_thread_leaves_behind_is_taken() {
    let queue = queue();
    let mut sender = Sender::new(queue.clone());
    sender.send(&[1]);
    queue.collect();
    let mut other = Sender::new(queue.clone());
    other.send(&[2]);
    drop((sender, other));
    assert_eq!(bytes_and_spans(queue.take()), Some((vec![1, 2], 2)));
    assert!(queue.lock().live.iter().all(Option::is_none));
    drop(Sender::new(queue.clone()));
    assert_eq!(queue.lock().live.len(), 2, "places are used again");
}

#[test]
fn a_chunk_that_the_next_piece_does_not_fit_is_full() {
    let queue = queue();
    queue.push(&[0; 30]);
    assert!(queue.take_full().is_none());
    queue.push(&[1; 20]);
    assert_eq!(queue.take_full().map(|chunk| chunk.spans), Some(1));
}

#[test]
fn what_does_not_fit_is_dropped_and_counted() {
    let full = queue();
    for _ in 0..7 {
        full.push(&[0]);
    }
    assert_eq!(dropped(&full), 2, "five spans fit");

    let queue = queue();
    for _ in 0..4 {
        queue.push(&[0; 30]);
    }
    assert_eq!(dropped(&queue), 1, "90 bytes fit");
    queue.push(&[0; 41]);
    assert_eq!(dropped(&queue), 2, "no chunk could hold it");

    queue.take();
    queue.push(&[0; 30]);
    assert_eq!(dropped(&queue), 2, "room again");
    queue.close();
    queue.push(&[0]);
    let mut sender = Sender::new(queue.clone());
    sender.send(&[0]);
    assert_eq!(dropped(&queue), 4);
}

#[test]
fn what_is_still_in_a_segment_when_it_closes_is_counted() {
    let queue = queue();
    let mut sender = Sender::new(queue.clone());
    sender.send(&[0]);
    queue.close();
    queue.collect();
    assert_eq!(dropped(&queue), 1);
    drop(sender);
    assert_eq!(dropped(&queue), 1, "once");
}

#[test]
fn segments_are_used_again() {
    let queue = queue();
    let mut sender = Sender::new(queue.clone());
    for _ in 0..100 {
        sender.send(&[0; 10]);
        queue.take();
    }
    assert!(queue.lock().spare.len() <= 2, "{} segments for one thread", queue.lock().spare.len());
}

#[tokio::test]
async fn the_exporter_is_woken_when_a_chunk_is_full() {
    let queue = queue();
    let mut sender = Sender::new(queue.clone());
    sender.send(&[0]);
    sender.send(&[0]);
    queue.ready().await;
}
