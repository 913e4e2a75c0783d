//! The macro of the own API, and what it expands to.

/// Opens a span of the current context: `span!("load cart", user.id = id, "db.system" = "redis")`.
///
/// A key is a literal or a dotted path; it is encoded when the program is compiled, and has at most 127 bytes. A value is anything
/// that becomes a [`Value`](crate::Value): text, numbers, truth values, and slices of these. `%value` and `?value` take what the
/// value displays or debugs as. A lone name stands for `name = name`. Values are not looked at when the span is not recorded.
///
/// Before the name, `parent:` takes a [`Context`](crate::Context) by reference, and `kind:` a [`SpanKind`](crate::SpanKind), in this
/// order.
///
/// ```
/// use laneway::{Context, SpanKind, span};
///
/// let (user, rows) = ("alice", 3);
/// let _span = span!("load cart", user, db.rows = rows, "db.system.name" = "redis", via = ?Some(1)).entered();
/// let call = span!(kind: SpanKind::Client, "GET /price");
/// let root = span!(parent: &Context::default(), "nightly sweep");
/// # drop((call, root));
/// ```
#[macro_export]
macro_rules! span {
    (parent: $parent:expr, kind: $kind:expr, $name:expr $(, $($fields:tt)*)?) => {{
        let name: &'static str = $name;
        let mut span = $crate::Span::open_in($parent, name);
        span.set_kind($kind);
        $crate::__span_fields!(span, name; $($($fields)*)?)
    }};
    (parent: $parent:expr, $name:expr $(, $($fields:tt)*)?) => {{
        let name: &'static str = $name;
        let mut span = $crate::Span::open_in($parent, name);
        $crate::__span_fields!(span, name; $($($fields)*)?)
    }};
    (kind: $kind:expr, $name:expr $(, $($fields:tt)*)?) => {{
        let name: &'static str = $name;
        let mut span = $crate::Span::open(name);
        span.set_kind($kind);
        $crate::__span_fields!(span, name; $($($fields)*)?)
    }};
    ($name:expr $(, $($fields:tt)*)?) => {{
        let name: &'static str = $name;
        let mut span = $crate::Span::open(name);
        $crate::__span_fields!(span, name; $($($fields)*)?)
    }};
}

#[doc(hidden)]
#[macro_export]
macro_rules! __span_fields {
    ($span:ident, $name:ident; $($fields:tt)*) => {{
        if $span.is_recording() {
            $span.describe($name, $crate::__span_field!($($fields)*));
        }
        $span
    }};
}

/// The fields as a list of pairs: `(first, (second, ()))`.
#[doc(hidden)]
#[macro_export]
macro_rules! __span_field {
    ($(,)?) => { () };
    ($($key:ident).+ = $($rest:tt)+) => {
        $crate::__span_value!($crate::__span_key!($($key).+); $($rest)+)
    };
    ($key:literal = $($rest:tt)+) => {
        $crate::__span_value!($key; $($rest)+)
    };
    ($key:ident $(, $($rest:tt)*)?) => {
        ($crate::__span_pair!(stringify!($key); $key), $crate::__span_field!($($($rest)*)?))
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __span_value {
    ($key:expr; ?$value:expr $(, $($rest:tt)*)?) => {
        (
            $crate::__span_pair!($key; &$crate::__private::text(format_args!("{:?}", $value))),
            $crate::__span_field!($($($rest)*)?),
        )
    };
    ($key:expr; %$value:expr $(, $($rest:tt)*)?) => {
        (
            $crate::__span_pair!($key; &$crate::__private::text(format_args!("{}", $value))),
            $crate::__span_field!($($($rest)*)?),
        )
    };
    ($key:expr; $value:expr $(, $($rest:tt)*)?) => {
        ($crate::__span_pair!($key; $value), $crate::__span_field!($($($rest)*)?))
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __span_pair {
    ($key:expr; $value:expr) => {
        (
            const { &$crate::__private::StaticKey::<{ $key.len() + 2 }>::new($key) },
            $crate::Value::from($value),
        )
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __span_key {
    ($first:ident $(. $rest:ident)*) => {
        concat!(stringify!($first) $(, ".", stringify!($rest))*)
    };
}

/// What the macros expand to; not for use by hand.
#[doc(hidden)]
pub mod private {
    pub use crate::record::{Attributes, StaticKey};

    /// A formatted value. No value needs more than a text may have at most.
    pub fn text(arguments: std::fmt::Arguments<'_>) -> String {
        crate::layer::fields::Bounded::format(crate::record::Limits::DEFAULT_TEXT_BYTES, arguments)
    }
}
