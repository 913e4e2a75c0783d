use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::embedded::columns::Strings;

/// Numbers with runs of all lengths among them.
fn numbers() -> impl Strategy<Value = Vec<u32>> {
    let runs = vec((0..300u32, prop_oneof![Just(1), 1..20usize, 1..200usize]), 0..60);
    runs.prop_map(|runs| runs.into_iter().flat_map(|(number, count)| vec![number; count]).collect())
}

fn places(len: usize) -> impl Strategy<Value = std::ops::Range<usize>> {
    (0..=len, 0..=len).prop_map(|(a, b)| a.min(b)..a.max(b))
}

fn with_places<T: std::fmt::Debug + Clone>(
    values: impl Strategy<Value = Vec<T>>,
) -> impl Strategy<Value = (Vec<T>, std::ops::Range<usize>)> {
    values.prop_flat_map(|values| {
        let places = places(values.len());
        (Just(values), places)
    })
}

proptest! {
    #[test]
    fn numbers_are_read_back((numbers, places) in with_places(numbers()), width in prop_oneof![9..=17u32, Just(24), Just(32)]) {
        let mut bytes = Vec::new();
        hybrid::encode(&mut bytes, &numbers, width);
        let mut read = Vec::new();
        hybrid::decode(&bytes, width, places.clone(), &mut read).unwrap();
        prop_assert_eq!(read, &numbers[places]);
    }

    #[test]
    fn bits_are_read_back((bits, places) in with_places(vec(0..2u32, 0..500))) {
        let mut bytes = Vec::new();
        hybrid::encode(&mut bytes, &bits, 1);
        let mut read = Vec::new();
        hybrid::decode(&bytes, 1, places.clone(), &mut read).unwrap();
        prop_assert_eq!(read, &bits[places]);
    }

    #[test]
    fn integers_are_read_back(values in vec(prop_oneof![any::<i64>(), -5..5i64, Just(i64::MIN), Just(i64::MAX)], 0..400)) {
        let mut bytes = Vec::new();
        delta::encode(&mut bytes, &values);
        bytes.extend(b"behind");
        let mut read = Vec::new();
        let rest = delta::Delta::new(&bytes).unwrap().read_all(|value| read.push(value)).unwrap();
        prop_assert_eq!((read, rest), (values, &b"behind"[..]));
    }

    #[test]
    fn split_values_are_read_back((values, places) in with_places(vec(any::<[u8; 8]>(), 0..100))) {
        let mut bytes = Vec::new();
        split::encode(&mut bytes, &values);
        let mut read = Vec::new();
        split::decode(&bytes, values.len(), places.clone(), &mut read).unwrap();
        prop_assert_eq!(read, &values[places]);
    }

    #[test]
    fn lists_are_read_back(gaps in vec(prop_oneof![0..4u32, 0..100u32, 0..100_000u32], 0..300)) {
        let mut next = 0;
        let numbers: Vec<u32> = gaps
            .iter()
            .map(|gap| {
                let number = next + gap;
                next = number + 1;
                number
            })
            .collect();
        prop_assert_eq!(gaps::decode(&gaps::encode(&gaps)).unwrap(), numbers);
    }

    #[test]
    fn byte_arrays_are_read_back((values, places) in with_places(vec(vec(any::<u8>(), 0..20), 0..200))) {
        let slices = values.iter().map(Vec::as_slice);
        let (mut bytes, mut plain) = (Vec::new(), Vec::new());
        byte_array::encode(&mut bytes, slices.clone());
        byte_array::encode_plain(&mut plain, slices.clone());
        let mut read = Strings::default();
        byte_array::decode(&bytes, places.clone(), &mut read).unwrap();
        prop_assert!(read.iter().eq(slices.clone().skip(places.start).take(places.len())));
        prop_assert!(byte_array::decode_plain(&plain, values.len()).unwrap().iter().eq(slices));
    }

    /// Whatever the bytes are, reading them ends with values or an error.
    #[test]
    fn arbitrary_bytes_do_no_harm(bytes in vec(any::<u8>(), 0..200), width in 0..40u32, count in 0..1000usize) {
        let mut strings = Strings::default();
        let _ = hybrid::decode(&bytes, width, 0..count, &mut Vec::new());
        let _ = delta::Delta::new(&bytes).and_then(|delta| {
            if delta.len() > 100_000 { return Err(Cut) }
            delta.read_all(|_| ())
        });
        let _ = gaps::decode(&bytes);
        let _ = split::decode::<8>(&bytes, count, 0..count, &mut Vec::new());
        let _ = byte_array::decode(&bytes, 0..count, &mut strings);
        let _ = byte_array::decode_plain(&bytes, count);
    }
}
