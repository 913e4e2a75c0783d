use bytes::Bytes;
use laneway_storage::Compression;

use super::{Coding, Inflated, inflate};
use crate::admission::Admission;
use crate::config::ByteSize;
use crate::receiver::outcome::Refusal;
use crate::testing::{deflate, gzip, zstd};

const GZIP: Coding = Coding::Logged(Compression::Gzip);
const ZSTD: Coding = Coding::Logged(Compression::Zstd);

const LIMIT: usize = 100_000;

fn inflate_within(coding: Coding, received: Vec<u8>, limit: usize) -> Result<Inflated, Refusal> {
    let mut lease = Admission::new(ByteSize::mebi(64)).lease(0).unwrap();
    inflate(coding, &Bytes::from(received), limit, &mut lease)
}

/// Text that compresses, of this length.
fn text(length: usize) -> Vec<u8> {
    (0..length).map(|index| b"service.name=checkout;"[index % 22]).collect()
}

#[test]
fn every_coding_gives_back_what_was_compressed() {
    for length in [0, 1, 15_999, 16_384, 16_385, 99_999, LIMIT] {
        let plain = text(length);
        for (coding, received) in [
            (Coding::Identity, plain.clone()),
            (GZIP, gzip(&plain)),
            (ZSTD, zstd(&plain)),
            (Coding::Deflate, deflate(&plain)),
        ] {
            let inflated = inflate_within(coding, received, LIMIT).unwrap();
            assert!(inflated.body == plain, "{coding:?}, {length} bytes");
        }
    }
}

#[test]
fn one_byte_too_many_is_too_large() {
    let plain = text(LIMIT + 1);
    for (coding, received) in [
        (Coding::Identity, plain.clone()),
        (GZIP, gzip(&plain)),
        (ZSTD, zstd(&plain)),
        (Coding::Deflate, deflate(&plain)),
    ] {
        assert_eq!(
            inflate_within(coding, received, LIMIT).unwrap_err(),
            Refusal::TooLarge { limit: LIMIT },
            "{coding:?}"
        );
    }
}

#[test]
fn a_bomb_is_given_up_at_the_limit() {
    let zeros = vec![0; 64 << 20];
    for (coding, bomb) in [(GZIP, gzip(&zeros)), (ZSTD, zstd(&zeros)), (Coding::Deflate, deflate(&zeros))] {
        let admission = Admission::new(ByteSize::mebi(512));
        let mut lease = admission.lease(0).unwrap();
        let result = inflate(coding, &Bytes::from(bomb), 1 << 20, &mut lease);
        assert_eq!(result.unwrap_err(), Refusal::TooLarge { limit: 1 << 20 }, "{coding:?}");
        assert_eq!(admission.in_use(), (1 << 20) + 1, "{coding:?} held more than the limit");
    }
}

#[test]
fn inflating_stops_at_the_end_of_the_budget() {
    let bomb = Bytes::from(gzip(&vec![0; 8 << 20]));
    let admission = Admission::new(ByteSize::mebi(1));
    let mut lease = admission.lease(0).unwrap();
    let result = inflate(GZIP, &bomb, 64 << 20, &mut lease);
    assert!(matches!(result, Err(Refusal::Overloaded { .. })), "{result:?}");
    drop(lease);
    assert_eq!(admission.in_use(), 0);
}

#[test]
fn all_members_of_a_gzip_body_count() {
    let received = [gzip(b"first "), gzip(b"second")].concat();
    assert_eq!(inflate_within(GZIP, received, LIMIT).unwrap().body, "first second");
}

#[test]
fn what_the_store_can_read_again_is_loggable() {
    let loggable = |coding, received| inflate_within(coding, received, LIMIT).unwrap().loggable;
    assert_eq!(loggable(GZIP, gzip(b"x")), Some(Compression::Gzip));
    assert_eq!(loggable(ZSTD, zstd(b"x")), Some(Compression::Zstd));
    assert_eq!(loggable(Coding::Deflate, deflate(b"x")), None);
    assert_eq!(loggable(Coding::Identity, b"x".to_vec()), None);
}

#[test]
fn cut_and_foreign_bytes_are_malformed() {
    let plain = text(5000);
    for (coding, whole) in [(GZIP, gzip(&plain)), (ZSTD, zstd(&plain)), (Coding::Deflate, deflate(&plain))] {
        let cut = whole[..whole.len() - 3].to_vec();
        assert!(matches!(inflate_within(coding, cut, LIMIT), Err(Refusal::Malformed(_))), "{coding:?} cut");
        let foreign = b"no such format at all".to_vec();
        assert!(
            matches!(inflate_within(coding, foreign, LIMIT), Err(Refusal::Malformed(_))),
            "{coding:?} foreign"
        );
    }
}

#[test]
fn a_huge_zstd_window_is_refused() {
    // A frame header that asks for a window of 128 MiB, and one empty last block.
    let received = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x88, 0x01, 0x00, 0x00];
    assert!(matches!(inflate_within(ZSTD, received, LIMIT), Err(Refusal::Malformed(_))));
}

#[test]
fn codings_are_known_by_their_names() {
    let coding = |name: &'static str| Coding::from_header(Some(&http::HeaderValue::from_static(name)));
    assert_eq!(Coding::from_header(None), Ok(Coding::Identity));
    assert_eq!(coding("identity"), Ok(Coding::Identity));
    assert_eq!(coding("gzip"), Ok(GZIP));
    assert_eq!(coding("zstd"), Ok(ZSTD));
    assert_eq!(coding("deflate"), Ok(Coding::Deflate));
    assert_eq!(coding("br"), Err(Refusal::UnsupportedCoding("br".to_owned())));
    assert_eq!(coding("gzip, gzip"), Err(Refusal::UnsupportedCoding("gzip, gzip".to_owned())));
}
