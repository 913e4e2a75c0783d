use std::io;
use std::sync::{Arc, Mutex};

use laneway_proto::Lane;
use tracing::{Subscriber, info};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::prelude::*;

use super::*;
use crate::propagation;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// What is written of an event inside of a trace in a lane, and of one outside.
fn written(subscriber: impl Subscriber + Send + Sync, lines: &Lines) -> Vec<String> {
    let headers = vec![
        ("traceparent".to_owned(), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
        ("baggage".to_owned(), "lane=grey".to_owned()),
    ];
    tracing::subscriber::with_default(subscriber, || {
        propagation::extract(&headers).in_scope(|| info!("inside"));
        Context::default().with_lane(Lane::new("blue").unwrap()).in_scope(|| info!("in a lane"));
        info!("outside");
    });
    let written = lines.0.lock().unwrap().clone();
    String::from_utf8(written).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn lines_of_text_lead_to_their_trace() {
    let lines = Lines::default();
    let format = tracing_subscriber::fmt::format().without_time().with_target(false);
    let layer = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .event_format(WithContext::text(format))
        .with_writer(lines.clone());
    assert_eq!(
        written(tracing_subscriber::registry().with(layer), &lines),
        [
            "trace_id=0af7651916cd43dd8448eb211c80319c span_id=b7ad6b7169203331 lane=grey  INFO inside",
            "lane=blue  INFO in a lane",
            " INFO outside",
        ]
    );
}

#[test]
fn objects_have_it_as_fields() {
    let lines = Lines::default();
    let format = tracing_subscriber::fmt::format().json().without_time().with_target(false);
    let layer = tracing_subscriber::fmt::layer()
        .json()
        .event_format(WithContext::json(format))
        .with_writer(lines.clone());
    assert_eq!(
        written(tracing_subscriber::registry().with(layer), &lines),
        [
            r#"{"trace_id":"0af7651916cd43dd8448eb211c80319c","span_id":"b7ad6b7169203331","lane":"grey","level":"INFO","fields":{"message":"inside"}}"#,
            r#"{"lane":"blue","level":"INFO","fields":{"message":"in a lane"}}"#,
            r#"{"level":"INFO","fields":{"message":"outside"}}"#,
        ]
    );
}
