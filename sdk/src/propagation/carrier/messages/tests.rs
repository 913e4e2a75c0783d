use crate::propagation::{BAGGAGE, Extract, Inject, extract, inject};

fn context() -> crate::Context {
    extract(&vec![
        ("traceparent".to_owned(), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
        ("baggage".to_owned(), "lane=grey".to_owned()),
    ])
}

/// What is written over what was there is read, whatever the case of names; the rest stays.
fn check<C: Extract + Inject>(mut carrier: C) {
    inject(&context(), &mut carrier);
    inject(&context(), &mut carrier);
    let read = extract(&carrier);
    assert_eq!((read.span_id(), read.lane()), (context().span_id(), context().lane()));
    let mut others = Vec::new();
    carrier.for_each("Other", &mut |value| others.push(value.to_vec()));
    assert_eq!(others, [b"stays"]);
    carrier.remove("BAGGAGE");
    carrier.for_each(BAGGAGE, &mut |_| panic!("it was removed"));
}

#[test]
fn headers_of_nats() {
    let mut headers = async_nats::HeaderMap::new();
    headers.insert("Baggage", "lane=old");
    headers.append("other", "stays");
    check(headers);
}

#[test]
fn headers_of_amqp() {
    use amq_protocol_types::{AMQPValue, FieldTable};

    let mut headers = FieldTable::default();
    headers.insert("Baggage".into(), AMQPValue::LongString("lane=old".into()));
    headers.insert("other".into(), AMQPValue::LongString("stays".into()));
    headers.insert("retries".into(), AMQPValue::LongInt(3));
    check(headers);
}

#[test]
fn records_of_kafka() {
    let headers = [("Baggage", "lane=old"), ("other", "stays")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).into();
    check(rskafka::record::Record { key: None, value: None, headers, timestamp: Default::default() });
}
