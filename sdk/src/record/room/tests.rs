use super::Room;

#[test]
fn pieces_of_every_length_arrive_whole() {
    let bytes: Vec<u8> = (1..=200).collect();
    for len in 0..bytes.len() {
        let mut buf = vec![0; 3];
        let mut room = Room::reserve(&mut buf, len + 2);
        room.put(&bytes[..len]);
        room.put(&[7]);
        drop(room);
        assert_eq!(buf, [&[0; 3], &bytes[..len], &[7]].concat());
    }
}

#[test]
#[should_panic(expected = "more is written than was reserved")]
fn more_than_was_reserved_is_refused() {
    Room::reserve(&mut Vec::new(), 2).put(&[1, 2, 3]);
}
