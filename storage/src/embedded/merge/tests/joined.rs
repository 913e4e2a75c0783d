//! Joined parts against their inputs.

use super::super::super::part::RowGroup;
use super::*;
use crate::query::SpanFilter;

/// The part that is made of these, row by row when their row groups have fewer rows than that.
fn merged_part(parts: &[SharedPart], full_group_rows: usize) -> (TempDir, SharedPart) {
    let dir = TempDir::new().unwrap();
    let rows = write_to(&Disk::default(), dir.path(), parts, full_group_rows, || true).unwrap();
    let id = PartId { level: 1, ..PartId::of_segment(1) };
    let part = Part::open(dir.path(), id, &Cache::new(1 << 20)).unwrap();
    assert_eq!(rows, Some(part.rows()));
    (dir, Arc::new(part))
}

/// What a part must be that was joined of others.
fn assert_joined(joined: &Part, parts: &[SharedPart]) {
    let all: Vec<Span> = parts.iter().flat_map(|part| read_all(part).unwrap()).collect();
    assert_same(&read_all(joined).unwrap(), &all);
    joined.row_groups().try_for_each(RowGroup::verify).unwrap();
    for span in &all {
        let id = span.trace_id;
        assert!(joined.may_have(id));
        let rows: usize = parts.iter().map(|part| part.rows_of_trace(id).unwrap()).sum();
        assert_eq!(joined.rows_of_trace(id).unwrap(), rows);
    }
    let groups = parts.iter().flat_map(|part| part.row_groups());
    for (ours, theirs) in joined.row_groups().zip(groups) {
        assert_eq!(
            (ours.rows(), ours.traces(), ours.range()),
            (theirs.rows(), theirs.traces(), theirs.range())
        );
        let table = |group: RowGroup<'_>| format!("{:?}", group.table().unwrap());
        assert_eq!(table(ours), table(theirs));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn joined_parts_have_the_rows_of_their_inputs(
        inputs in vec(vec(arbitrary::span(), 1..20), 2..6),
        filters in vec(arbitrary::filter(), 8),
    ) {
        let (_dir, parts) = parts_of(&inputs);
        let (_joined_dir, joined) = merged_part(&parts, 0);
        assert_joined(&joined, &parts);
        for filter in &filters {
            let is_there = parts.iter().any(|part| part.may_match(filter).unwrap());
            prop_assert!(joined.may_match(filter).unwrap() || !is_there, "{filter:?}");
            for (ours, theirs) in joined.row_groups().zip(parts.iter().flat_map(|part| part.row_groups())) {
                prop_assert_eq!(ours.candidates(filter).unwrap(), theirs.candidates(filter).unwrap(), "{:?}", filter);
            }
        }
        // A joined part is an input like any other, of both kinds of merges.
        let two = [Arc::clone(&joined), Arc::clone(&parts[0])];
        let (_twice_dir, twice) = merged_part(&two, 0);
        assert_joined(&twice, &two);
        let (_rows_dir, rows) = merged_part(&two, usize::MAX);
        assert_same(&read_all(&rows).unwrap(), &expected(&inputs));
        prop_assert_eq!(rows.runs().len(), 1);
    }
}

/// Spans whose attributes come in another order in each part, with some that only one of them has.
fn differing(part: u64) -> Vec<Span> {
    let mut keys = ["user", "route", "shop", "own"].map(str::to_owned);
    keys[3] = format!("own-{part}");
    keys.rotate_left(part as usize % 4);
    let one = |row: u64| {
        let one = span("op").trace(u128::from(row % 700) + 1).id(part * 100_000 + row + 1).after(row);
        let with = |one: crate::testing::SpanBuilder, key: &String| {
            one.attribute(key, &*format!("{key}-{}", row % 600))
        };
        let one = keys.iter().fold(one, with);
        if row % 3 == part % 3 { one.attribute("count", row as i64).build() } else { one.build() }
    };
    (0..3_000).map(one).collect()
}

#[test]
fn attribute_columns_of_joined_parts_find_their_place() {
    let (_dir, parts) = parts_of(&[differing(0), differing(1), differing(2)]);
    assert_ne!(parts[0].attributes(), parts[1].attributes());
    let (dir, joined) = merged_part(&parts, 3_000);
    assert_eq!(joined.row_groups().len(), 3);
    assert_eq!(joined.runs(), [0..1, 1..2, 2..3]);
    assert_joined(&joined, &parts);
    // Parquet's own reader sees the same.
    let file = std::fs::File::open(dir.path().join(part::SPANS_FILE)).unwrap();
    let reader = parquet::file::reader::SerializedFileReader::new(file).unwrap();
    let rows = parquet::file::reader::FileReader::get_row_iter(&reader, None).unwrap();
    let texts: Vec<String> = rows.map(|row| row.unwrap().to_string()).collect();
    assert_eq!(texts.len(), 9_000);
    for (text, span) in texts.iter().zip(read_all(&joined).unwrap()) {
        for (key, value) in [("user", "user-"), ("own-1", "own-1-")] {
            let of_span = span.attributes.iter().any(|attribute| attribute.key == key);
            assert_eq!(text.contains(&format!("attr.{key}: \"{value}")), of_span, "{text}");
        }
    }
}

#[test]
fn parts_are_joined_only_where_their_row_groups_are_full_and_their_columns_fit() {
    let (_dir, parts) = parts_of(&[fleet(0, 500), fleet(1, 300)]);
    assert!(Join::of(&parts, 400).is_some());
    assert!(Join::of(&parts, 401).is_none());
    let wide = |part: u64| {
        let one = span("wide").id(part + 1);
        (0..200).fold(one, |one, key| one.attribute(&format!("k{part}-{key}"), "v")).build()
    };
    let (_dir, parts) = parts_of(&[vec![wide(0)], vec![wide(1)]]);
    assert!(Join::of(&parts[..1], 0).is_some());
    assert!(Join::of(&parts, 0).is_none());
    // Format 4 compressed a sealed segment in a hurry.
    let id = PartId::of_segment(10);
    let of_format = |format: u32| {
        let dir = format!("{}/testdata/data-v{format}/parts/{}", env!("CARGO_MANIFEST_DIR"), id.dir_name());
        Arc::new(Part::open(Path::new(&dir), id, &Cache::new(0)).unwrap())
    };
    let (old, new) = (of_format(4), of_format(5));
    assert!(Join::of(&[Arc::clone(&new)], 0).is_some());
    assert!(Join::of(&[Arc::clone(&new), Arc::clone(&old)], 0).is_none());
    let (_dir, part) = merged_part(&[new, old], 0);
    assert_eq!(part.runs().len(), 1);
}

#[test]
fn damage_is_met_when_it_would_be_copied() {
    let (dir, parts) = parts_of(&[fleet(0, 3_000), fleet(1, 3_000)]);
    for name in ["spans.parquet", "part.idx"] {
        let path = dir.path().join(parts[1].id().dir_name()).join(name);
        let whole = std::fs::read(&path).unwrap();
        let places = (8..whole.len()).step_by(whole.len() / 40);
        let noticed = places.filter(|at| {
            let mut bytes = whole.clone();
            bytes[*at] ^= 0x10;
            std::fs::write(&path, &bytes).unwrap();
            let reopened = parts.iter().map(|part| {
                Part::open(&dir.path().join(part.id().dir_name()), part.id(), &Cache::new(0)).map(Arc::new)
            });
            // The filter of the whole part is read at once.
            let Ok(reopened) = reopened.collect::<Result<Vec<_>, _>>() else { return false };
            let to = TempDir::new().unwrap();
            let copied = write_to(&Disk::default(), to.path(), &reopened, 0, || true);
            match copied {
                Err(error) => {
                    assert!(quarantine::is_damage(&error), "{error}");
                    assert!(reopened[0].damage().is_none() && reopened[1].damage().is_some());
                    true
                }
                // Headers of pages, which are copied without a look, and what stands behind all pages are not read by us.
                Ok(_) => false,
            }
        });
        let noticed = noticed.count();
        assert!(noticed >= 12, "{name}: {noticed}");
        std::fs::write(&path, &whole).unwrap();
    }
}

#[test]
fn a_joined_part_says_at_once_which_values_it_does_not_have() {
    // A text that twenty share, an integer that ten share, and a text of its own that one in forty has.
    let one = |part: u64, row: u64| {
        let one = span("op").trace(u128::from(row / 20) + 1).id(part * 100_000 + row + 1).after(row);
        let one = one.attribute("user", &*format!("user-{part}-{}", row / 20));
        let one = one.attribute("order", (part * 100_000 + row / 10) as i64);
        if row.is_multiple_of(40) { one.attribute("message", &*format!("message-{part}-{row}")) } else { one }
    };
    let inputs: Vec<Vec<Span>> =
        (0..3).map(|part| (0..45_000).map(|row| one(part, row).build()).collect()).collect();
    let (_dir, parts) = parts_of(&inputs);
    let (_joined_dir, joined) = merged_part(&parts, 0);
    let may_match = |key: &str, text: String| {
        let scope = crate::query::AttributeScope::Span;
        joined.may_match(&SpanFilter::Attribute { scope, key: key.to_owned(), text }).unwrap()
    };
    for part in 0..3 {
        for row in (0..45_000).step_by(200) {
            assert!(may_match("user", format!("user-{part}-{}", row / 20)));
            assert!(may_match("order", (part * 100_000 + row / 10).to_string()));
            assert!(may_match("message", format!("message-{part}-{row}")));
        }
    }
    for key in ["user", "order", "message"] {
        let wrong = (0..1_000u64).filter(|i| may_match(key, format!("{}", 7_000_000 + i)));
        assert!(wrong.count() < 60, "{key}");
    }
}
