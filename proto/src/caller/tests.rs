use proptest::prelude::*;

use super::*;

const SPAN: SpanId = SpanId::from_bytes([0xb7, 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31]).unwrap();

fn lane(name: &str) -> Lane {
    Lane::new(name).unwrap()
}

fn member(service: &str, instance: &str, operation: &str) -> String {
    let mut member = String::new();
    let origin = Origin::new(service, instance, operation, &lane("grey-v2")).unwrap();
    origin.write(SPAN, &Lane::base(), &mut member);
    assert_eq!(member.len(), origin.member_len(&Lane::base()));
    member
}

#[test]
fn a_caller_names_its_service_instance_operation_and_lanes() {
    let member = member("cart", "cart-7f9", "GET /cart/{id}");
    assert_eq!(member, "laneway=1;b7ad6b7169203331;cart;cart-7f9;GET%20/cart/%7Bid%7D;grey-v2;base");
    let expected = Caller {
        span_id: SPAN,
        service: "cart".into(),
        instance: "cart-7f9".into(),
        operation: "GET /cart/{id}".into(),
        instance_lane: "grey-v2",
        request_lane: "base",
    };
    assert_eq!(Caller::parse(&member), Some(expected.clone()));
    // Wherever it stands, and with fields that are not known yet.
    assert_eq!(Caller::parse(&format!("congo=t61,\t {member};later ,ot=th:8")), Some(expected));
}

#[test]
fn only_a_child_of_the_span_that_it_names_believes_it() {
    let member = member("cart", "", "");
    let caller = Caller::of_child(&member, SPAN).unwrap();
    assert_eq!((&*caller.service, &*caller.instance, &*caller.operation), ("cart", "", ""));
    assert_eq!(Caller::of_child(&member, SpanId::from_bytes([1; 8]).unwrap()), None);
}

#[test]
fn what_breaks_the_format_names_nobody() {
    for tracestate in [
        "",
        "laneway",
        "laneway=",
        "laneway=1",
        "laneway=1;b7ad6b7169203331;cart;i;op;base",
        "laneway=2;b7ad6b7169203331;cart;i;op;base;base",
        "laneway=01;b7ad6b7169203331;cart;i;op;base;base",
        "laneway=1;b7ad6b716920333;cart;i;op;base;base",
        "laneway=1;0000000000000000;cart;i;op;base;base",
        "laneway=1;b7ad6b716920333é;cart;i;op;base;base",
        "laneway=1;b7ad6b7169203331;;i;op;base;base",
        "laneway=1;b7ad6b7169203331;%ff;i;op;base;base",
        "laneway=1;b7ad6b7169203331;cart;i;op;Base;base",
        "laneway=1;b7ad6b7169203331;cart;i;op;base;",
        "laneway=1;b7ad6b7169203331;cart;i;op;base;gr%65y",
        "Laneway=1;b7ad6b7169203331;cart;i;op;base;base",
        "laneways=1;b7ad6b7169203331;cart;i;op;base;base",
        "lane=way,way=1;b7ad6b7169203331;cart;i;op;base;base",
    ] {
        assert_eq!(Caller::parse(tracestate), None, "{tracestate:?}");
    }
    let long = format!("laneway=1;b7ad6b7169203331;cart;i;{};base;base", "o".repeat(MAX_VALUE_LEN));
    assert_eq!(Caller::parse(&long), None);
}

#[test]
fn what_is_too_long_is_cut_in_the_operation_and_left_out_elsewhere() {
    let parsed = |member: &str| {
        let caller = Caller::parse(member).unwrap();
        (caller.instance.into_owned(), caller.operation.into_owned())
    };
    let long = "o".repeat(MAX_OPERATION_LEN);
    assert_eq!(parsed(&member("cart", "i", &format!("{long}p"))), ("i".to_owned(), long.clone()));
    // Two bytes of the last character are within the limit.
    let cut = format!("{}\u{20ac}", &long[2..]);
    assert_eq!(parsed(&member("cart", "i", &cut)).1, &long[2..]);
    let (instance, operation) = parsed(&member(&"s".repeat(64), &"i".repeat(48), &long));
    assert_eq!((instance.len(), operation.len() < 96), (48, true));
    assert_eq!(parsed(&member("cart", &"i".repeat(49), "op")), (String::new(), "op".to_owned()));

    let base = Lane::base();
    assert_eq!(Origin::new("", "i", "op", &base), None);
    assert_eq!(Origin::new(&"s".repeat(65), "i", "op", &base), None);
    assert_eq!(
        Origin::new(&"é".repeat(32), "i", "op", &lane(&"l".repeat(64))),
        None,
        "192 bytes once encoded"
    );
}

fn any_lane() -> impl Strategy<Value = Lane> {
    "[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?".prop_map(|name| lane(&name))
}

proptest! {
    #[test]
    fn what_is_written_is_read_and_legal(
        service in "[!-~]{1,40}|\\PC{1,8}",
        instance in "[!-~]{0,60}|\\PC{0,20}",
        operation in "[ -~]{0,120}|\\PC{0,60}",
        lanes in (any_lane(), any_lane()),
        span in 1..u64::MAX,
    ) {
        let span_id = SpanId::from_bytes(span.to_be_bytes()).unwrap();
        if let Some(origin) = Origin::new(&service, &instance, &operation, &lanes.0) {
            let mut member = String::new();
            origin.write(span_id, &lanes.1, &mut member);
            let value = value_of(&member).unwrap();
            prop_assert!(value.len() <= MAX_VALUE_LEN);
            prop_assert!(value.bytes().all(|c| c.is_ascii_graphic() && c != b',' && c != b'='));
            let caller = Caller::of_child(&member, span_id).unwrap();
            prop_assert_eq!(caller.service, service);
            prop_assert!(caller.instance == instance || caller.instance.is_empty());
            prop_assert!(operation.starts_with(&*caller.operation));
            prop_assert_eq!(caller.instance_lane, lanes.0.as_str());
            prop_assert_eq!(caller.request_lane, lanes.1.as_str());
        }
    }

    #[test]
    fn anything_is_survived(tracestate in "(laneway=1;b7ad6b7169203331)?[;%,= a-f0-9\\PC]{0,300}") {
        if let Some(caller) = Caller::parse(&tracestate) {
            prop_assert!(Lane::new(caller.request_lane).is_ok() && !caller.service.is_empty());
        }
    }
}
