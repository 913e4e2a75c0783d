use super::*;

#[test]
fn every_byte_counts_at_every_length() {
    for len in 0..70 {
        let one: Vec<u8> = (0..len).collect();
        assert!(equal(&one, &one.clone()));
        assert!(!equal(&one, &[&one[..], &[0]].concat()));
        for at in 0..one.len() {
            let mut other = one.clone();
            other[at] ^= 1;
            assert!(!equal(&one, &other), "{len} bytes, of which number {at} differs");
        }
    }
}
