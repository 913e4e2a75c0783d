use laneway_storage::embedded::{LogInspection, PartContent};

use super::*;

fn column(name: &str, encoded_bytes: u64, dictionary_values: Option<u64>) -> ColumnInspection {
    let encodings = vec!["PLAIN".to_owned()];
    ColumnInspection {
        name: name.to_owned(),
        encoded_bytes,
        raw_bytes: 2 * encoded_bytes,
        encodings,
        dictionary_values,
    }
}

fn part(first_segment: u64, columns: Vec<ColumnInspection>) -> PartInspection {
    PartInspection {
        name: format!("part-{first_segment}"),
        bytes: 1_000,
        problem: None,
        content: Some(PartContent {
            first_segment,
            last_segment: first_segment + 7,
            level: 1,
            spans: 25,
            first_start_unix_ns: 1_767_225_600_000_000_000,
            last_start_unix_ns: u64::MAX,
            bytes_per_span: 40.0,
        }),
        columns,
    }
}

fn found() -> Inspection {
    Inspection {
        format: Some("laneway data directory, format 1".to_owned()),
        readable: true,
        parts: vec![
            part(1, vec![column("SpanId", 200, None), column("SpanName", 10, Some(3))]),
            part(9, vec![column("SpanName", 20, Some(5)), column("attr.user", 300, Some(90))]),
        ],
        quarantine: Vec::new(),
        logs: vec![LogInspection {
            segment: 17,
            file_bytes: 8_192,
            requests: 3,
            request_bytes: 900,
            cut_bytes: 0,
            damaged_places: 0,
            problem: None,
        }],
        snapshots: vec!["20260101T000000-000".to_owned()],
    }
}

#[test]
fn the_report_for_people() {
    assert!(!is_damaged(&found()));
    insta::assert_snapshot!(report(&found()));
}

#[test]
fn damage_is_named_and_changes_the_exit_code() {
    let mut damaged = found();
    damaged.parts[0].content = None;
    damaged.parts[0].problem = Some("traces.idx is cut".to_owned());
    assert!(is_damaged(&damaged));
    assert!(report(&damaged).contains("part-1  DAMAGED: traces.idx is cut"));
    let mut damaged = found();
    damaged.logs[0].damaged_places = 2;
    assert!(is_damaged(&damaged));
    assert!(report(&damaged).contains("DAMAGED at 2 places"));
}
