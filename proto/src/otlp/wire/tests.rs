use super::*;

fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut buf = Vec::new();
    write(&mut buf);
    buf
}

#[test]
fn varints_and_their_lengths_are_those_of_prost() {
    let edges = (0..64).flat_map(|bit| [(1u64 << bit) - 1, 1 << bit, (1 << bit) + 1]);
    for value in edges.chain([u64::MAX]) {
        let mut expected = Vec::new();
        prost::encoding::encode_varint(value, &mut expected);
        assert_eq!(written(|buf| raw_varint(buf, value)), expected);
        assert_eq!(varint_len(value), expected.len(), "{value}");
    }
}

#[test]
fn fields_are_those_of_prost() {
    use prost::encoding;

    let cases: [(Vec<u8>, Vec<u8>); 8] = [
        (written(|b| uint64(b, 1, 300)), written(|b| encoding::uint64::encode(1, &300, b))),
        (written(|b| int64(b, 2, -1)), written(|b| encoding::int32::encode(2, &-1, b))),
        (written(|b| boolean(b, 3, true)), written(|b| encoding::bool::encode(3, &true, b))),
        (written(|b| fixed32(b, 16, 7)), written(|b| encoding::fixed32::encode(16, &7, b))),
        (written(|b| fixed64(b, 7, u64::MAX)), written(|b| encoding::fixed64::encode(7, &u64::MAX, b))),
        (written(|b| double(b, 4, -0.0)), written(|b| encoding::double::encode(4, &-0.0, b))),
        (written(|b| string(b, 5, "é")), written(|b| encoding::string::encode(5, &"é".into(), b))),
        (written(|b| bytes(b, 6, &[0, 255])), written(|b| encoding::bytes::encode(6, &vec![0, 255], b))),
    ];
    for (ours, theirs) in cases {
        assert_eq!(ours, theirs);
    }
}

#[test]
fn a_message_has_the_shortest_length_whatever_was_expected() {
    for len in [0, 1, 127, 128, 129, 16_383, 16_384, 20_000] {
        let body: Vec<u8> = (0..len).map(|i| i as u8).collect();
        let expected = written(|buf| bytes(buf, 9, &body));
        for expected_len in [0, 1, 128, 16_384, 1 << 30, usize::MAX] {
            let mut buf = Vec::new();
            message_sized(&mut buf, 9, expected_len, |buf| buf.extend_from_slice(&body));
            assert_eq!(buf, expected, "{len} bytes, {expected_len} expected");
        }
    }
}

#[test]
fn messages_nest_and_hand_out_what_the_writer_returns() {
    let mut buf = vec![0xff];
    message(&mut buf, 1, |buf| message(buf, 2, |buf| bytes(buf, 3, &[7; 200])));
    let inner = written(|buf| bytes(buf, 3, &[7; 200]));
    let middle = written(|buf| bytes(buf, 2, &inner));
    let mut expected = vec![0xff];
    bytes(&mut expected, 1, &middle);
    assert_eq!(buf, expected);
    assert_eq!(message(&mut buf, 1, |_| "the answer"), "the answer");
}
