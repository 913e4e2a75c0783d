//! Opening a store: recovery of what an earlier process left.

use std::fs;
use std::sync::Arc;
use std::thread;

use laneway_proto::otlp::reader::TracesRequest;

use super::error::OpenError;
use super::figures::History;
use super::ingest::Ingest;
use super::layout::Layout;
use super::part::{self, Cache, Part, PartId, SharedPart};
use super::segment::Segment;
use super::shared::{Counters, Shared, Workers};
use super::view::{LiveSegment, View};
use super::wal::{OsFs, WalDir, WalError, WalOptions};
use super::{Options, maintenance, parallel, quarantine, seal};
use crate::QueryError;

pub(super) fn open(options: Options) -> Result<(Arc<Shared>, Workers), OpenError> {
    let layout = Layout::open(&options.data_dir)?;
    let wal_options = WalOptions {
        sync: options.wal_sync,
        spare_files: options.ingest_threads.max(1) + 1,
        spare_bytes: options.wal_spare_bytes,
    };
    let wal = WalDir::open(OsFs, &layout.wal, wal_options)?;
    let cache = Cache::new(options.cache_bytes);
    let Opened { parts, quarantined } = open_parts(&layout, &cache)?;
    let history = History::open_all(&layout.figures, &parts)?;
    let mut unsealed = Vec::new();
    let mut newest = parts.iter().map(|part| part.id().last_segment).max().unwrap_or_default();
    for log in wal.list()? {
        newest = newest.max(log.segment);
        if parts.iter().any(|part| part.id().covers_segment(log.segment)) {
            // Its part was committed, and the process ended before the log was released.
            wal.release(log.segment)?;
        } else {
            unsealed.push(log.segment);
        }
    }
    let live = replay_all(&wal, &unsealed)?;
    let recovered_spans = live.iter().map(|segment| segment.visible_rows() as u64).sum();
    let shared =
        Arc::new(Shared::new(options, layout, wal, cache, View { live, parts, history }, newest + 1));
    Counters::add(&shared.counters.recovered_spans, recovered_spans);
    Counters::add(&shared.maintenance.counters.quarantined_parts, quarantined);
    quarantine::count(&shared);
    let mut workers = Vec::new();
    for thread in 0..shared.ingest_threads() {
        let ingest = Ingest::new(Arc::clone(&shared), thread)?;
        workers.push(spawn("ingest", move || ingest.run())?);
    }
    let (sealing, maintained) = (Arc::clone(&shared), Arc::clone(&shared));
    workers.push(spawn("sealing", move || seal::run(&sealing))?);
    workers.push(spawn("maintenance", move || maintenance::run(&maintained))?);
    Ok((shared, Workers::new(workers)))
}

/// Replays logs, as many at a time as there are cores, and returns their segments in the same order.
fn replay_all(wal: &WalDir, numbers: &[u64]) -> Result<Vec<Arc<LiveSegment>>, WalError> {
    let others = thread::available_parallelism().map_or(0, |cores| cores.get() - 1);
    let segment =
        |&number: &u64| replay(wal, number).map(|spans| Arc::new(LiveSegment::replayed(number, spans)));
    parallel::map(others, numbers, segment).into_iter().collect()
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<thread::JoinHandle<()>, OpenError> {
    thread::Builder::new().name(name.to_owned()).spawn(work).map_err(OpenError::Thread)
}

/// The parts that there are, and how many had to be set aside.
struct Opened {
    parts: Vec<SharedPart>,
    quarantined: u64,
}

/// Opens all parts. Those that another one replaced are removed; those that are damaged are set aside.
fn open_parts(layout: &Layout, cache: &Arc<Cache>) -> Result<Opened, QueryError> {
    let mut ids = Vec::new();
    for entry in fs::read_dir(&layout.parts)? {
        // Files of others are left alone.
        ids.extend(entry?.file_name().to_str().and_then(PartId::from_dir_name));
    }
    // From the highest level on, so that nothing is removed before what replaces it was opened.
    ids.sort_by_key(|id| (std::cmp::Reverse(id.level), *id));
    let mut opened = Opened { parts: Vec::new(), quarantined: 0 };
    for id in ids {
        let dir = part::dir_of(&layout.parts, id);
        if opened.parts.iter().any(|part| part.id().covers(id)) {
            fs::remove_dir_all(dir)?;
            continue;
        }
        match Part::open(&dir, id, cache) {
            Ok(part) => opened.parts.push(Arc::new(part)),
            Err(error) if quarantine::is_damage(&error) => {
                quarantine::set_aside(layout, id, &error.to_string())?;
                opened.quarantined += 1;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(opened)
}

fn replay(wal: &WalDir, number: u64) -> Result<Segment, WalError> {
    let mut segment = Segment::default();
    let mut replay = wal.replay(number)?;
    let mut unreadable = 0u64;
    for record in &mut replay {
        let record = record?;
        let inflated = record
            .compression
            .map(|compression| compression.inflate(&record.payload, record.uncompressed_len as usize));
        let appended = match &inflated {
            None => segment.append(TracesRequest::new(&record.payload)).is_ok(),
            Some(Ok(body)) => segment.append(TracesRequest::new(body)).is_ok(),
            Some(Err(_)) => false,
        };
        unreadable += u64::from(!appended);
    }
    let end = replay.end();
    let spans = segment.columns().len();
    tracing::info!(
        segment = number,
        spans,
        requests = end.records,
        cut_bytes = end.cut_bytes,
        "log replayed"
    );
    if end.corrupt.places > 0 || unreadable > 0 {
        tracing::error!(
            segment = number,
            damaged_places = end.corrupt.places,
            damaged_bytes = end.corrupt.bytes,
            unreadable_requests = unreadable,
            "a log is damaged: acknowledged spans are lost"
        );
    }
    Ok(segment)
}
