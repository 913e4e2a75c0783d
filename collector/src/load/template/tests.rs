use laneway_proto::otlp::wire;

use super::*;

/// Nested messages around a hole, whose lengths take one, two and three digits, with more behind them.
#[test]
fn holes_move_with_the_lengths_before_them() {
    for (inner, outer) in [(1, 1), (200, 1), (1, 200), (200, 20_000), (20_000, 200)] {
        let mut template = Template::default();
        template.message(1, |message| {
            message.fixed(|buf| wire::bytes(buf, 2, &vec![0xee; outer]));
            message.message(3, |message| {
                message.trace_id(4, 0);
                message.fixed(|buf| wire::bytes(buf, 5, &vec![0xee; inner]));
                message.span_id(6, 1);
            });
            message.time(7, 5);
        });
        template.text(8, &[Text::Literal("a-"), Text::Number(Number::User(9)), Text::Literal("-z")]);

        let ids = GroupIds::new(1, 2);
        let mut filled = vec![0xaa];
        template.fill(&ids, 100, &mut filled);

        let mut expected = vec![0xaa];
        wire::message(&mut expected, 1, |buf| {
            wire::bytes(buf, 2, &vec![0xee; outer]);
            wire::message(buf, 3, |buf| {
                wire::bytes(buf, 4, ids.trace_id(0).as_bytes());
                wire::bytes(buf, 5, &vec![0xee; inner]);
                wire::bytes(buf, 6, ids.span_id(1).as_bytes());
            });
            wire::fixed64(buf, 7, 105);
        });
        let user = ids.number(Number::User(9)) % 1_000_000;
        wire::string(&mut expected, 8, &format!("a-{user:06}-z"));
        assert_eq!(filled, expected, "{inner} {outer}");
    }
}
