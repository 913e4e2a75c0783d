use super::*;

fn book(lines: &[&str]) -> AddressBook {
    AddressBook::new(lines.iter().map(|line| line.parse().unwrap()).collect())
}

#[track_caller]
fn check_route(book: &AddressBook, service: Service, lane: &str, expected: &str) {
    let found = match book.route(service, &lane.parse().unwrap()) {
        Ok(instance) => instance.to_string(),
        Err(error) => error.to_string(),
    };
    assert_eq!(found, expected);
}

#[test]
fn a_request_stays_in_its_lane_or_falls_back_to_the_baseline() {
    let book = book(&["cart grey-v2 127.0.0.1:2", "cart base 127.0.0.1:1", "order base 127.0.0.1:3"]);
    check_route(&book, Service::Cart, "grey-v2", "cart grey-v2 127.0.0.1:2");
    check_route(&book, Service::Cart, "base", "cart base 127.0.0.1:1");
    check_route(&book, Service::Cart, "loadtest", "cart base 127.0.0.1:1");
    check_route(&book, Service::Order, "grey-v2", "order base 127.0.0.1:3");
}

#[test]
fn the_baseline_never_falls_into_a_lane() {
    let book = book(&["cart grey-v2 127.0.0.1:2"]);
    check_route(&book, Service::Cart, "base", "no instance of cart serves lane base");
    check_route(&book, Service::Cart, "loadtest", "no instance of cart serves lane loadtest");
}

#[test]
fn an_instance_reads_back_as_it_was_written() {
    let line = "recommendation loadtest 127.0.0.1:40003";
    assert_eq!(line.parse::<Instance>().unwrap().to_string(), line);
    for broken in
        ["", "cart", "cart base", "cart base 127.0.0.1:1 more", "car base 127.0.0.1:1", "cart B 127.0.0.1:1"]
    {
        assert!(broken.parse::<Instance>().is_err(), "{broken:?}");
    }
}
