use super::*;

#[test]
fn equal_values_share_a_number_and_are_checked_once() {
    let mut dictionary = Dictionary::default();
    let mut checks = 0;
    for value in ["a", "", "b", "a", "", "b"] {
        dictionary
            .intern(value.as_bytes(), || {
                checks += 1;
                Ok::<_, ()>(())
            })
            .unwrap();
    }
    assert_eq!((dictionary.len(), checks), (3, 3));
    assert_eq!(dictionary.ids().map(|id| dictionary.text(id)).collect::<Vec<_>>(), ["a", "", "b"]);
}

#[test]
fn a_refused_value_leaves_no_trace() {
    let mut dictionary = Dictionary::default();
    assert_eq!(dictionary.intern(b"\xff", || Err("not text")), Err("not text"));
    assert_eq!((dictionary.len(), dictionary.intern_bytes(b"x")), (0, 0));
}
