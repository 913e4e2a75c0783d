use super::*;

#[test]
fn what_users_typed_is_in_parameters_only() {
    let hostile = "'; DROP TABLE otel_traces --{x:String}";
    let filter = SpanFilter::Not(Box::new(SpanFilter::Any(vec![
        SpanFilter::Service(hostile.to_owned()),
        SpanFilter::Attribute {
            scope: AttributeScope::Any,
            key: hostile.to_owned(),
            text: hostile.to_owned(),
        },
    ])));
    let condition = Condition::of(&filter);
    assert!(!condition.sql.contains("DROP"), "{}", condition.sql);
    assert_eq!(condition.parameters.len(), 3);
}

#[test]
fn numbers_are_looked_for_as_they_are_stored() {
    let texts = |text| stored_texts(text);
    assert_eq!(texts("GET /"), (vec!["GET /".to_owned()], true));
    assert_eq!(texts("7"), (vec!["7".to_owned()], true));
    assert_eq!(texts("2.5"), (vec!["2.5".to_owned()], true));
    assert_eq!(texts("07"), (vec!["07".to_owned(), "7".to_owned()], false));
    assert_eq!(texts("2.50"), (vec!["2.5".to_owned(), "2.50".to_owned()], false));
    assert_eq!(texts("0"), (vec!["-0".to_owned(), "0".to_owned()], false));
    assert_eq!(texts("nan"), (vec!["nan".to_owned()], false));
    assert_eq!(texts("9007199254740993").0, ["9007199254740992", "9007199254740993"]);
}

#[test]
fn the_negation_of_what_is_not_exact_lets_everything_through() {
    let inexact =
        SpanFilter::Attribute { scope: AttributeScope::Span, key: "n".to_owned(), text: "07".to_owned() };
    assert_eq!(Condition::of(&SpanFilter::Not(Box::new(inexact))).sql, "NOT (0)");
}
