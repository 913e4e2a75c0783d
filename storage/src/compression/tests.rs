use std::io::Write;

use super::*;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn both_encodings_are_read_up_to_the_limit_and_not_beyond() {
    let text = b"lane ".repeat(100);
    for (compression, bytes) in
        [(Compression::Gzip, gzip(&text)), (Compression::Zstd, zstd::encode_all(&text[..], 1).unwrap())]
    {
        assert_eq!(compression.inflate(&bytes, 500).unwrap(), text);
        assert_eq!(compression.inflate(&bytes, 499), Err(InflateError::TooLarge { limit: 499 }));
        let cut = compression.inflate(&bytes[..bytes.len() - 1], 500);
        assert!(matches!(cut, Err(InflateError::Malformed { .. })), "{cut:?}");
        assert!(compression.inflate(b"plain text", 500).is_err());
    }
}
