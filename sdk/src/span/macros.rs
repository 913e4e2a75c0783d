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
        let mut span = $crate::Span::child_of($parent, $name);
        span.set_kind($kind);
        $crate::__span_fields!(span; $($($fields)*)?);
        span
    }};
    (parent: $parent:expr, $name:expr $(, $($fields:tt)*)?) => {{
        #[allow(unused_mut)]
        let mut span = $crate::Span::child_of($parent, $name);
        $crate::__span_fields!(span; $($($fields)*)?);
        span
    }};
    (kind: $kind:expr, $name:expr $(, $($fields:tt)*)?) => {{
        let mut span = $crate::Span::new($name);
        span.set_kind($kind);
        $crate::__span_fields!(span; $($($fields)*)?);
        span
    }};
    ($name:expr $(, $($fields:tt)*)?) => {{
        #[allow(unused_mut)]
        let mut span = $crate::Span::new($name);
        $crate::__span_fields!(span; $($($fields)*)?);
        span
    }};
}

#[doc(hidden)]
#[macro_export]
macro_rules! __span_fields {
    ($span:ident;) => {};
    ($span:ident; $($fields:tt)+) => {
        if $span.is_recording() {
            $crate::__span_field!($span; $($fields)+);
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __span_field {
    ($span:ident; $(,)?) => {};
    ($span:ident; $($key:ident).+ = $($rest:tt)+) => {
        $crate::__span_value!($span; $crate::__span_key!($($key).+); $($rest)+)
    };
    ($span:ident; $key:literal = $($rest:tt)+) => {
        $crate::__span_value!($span; $key; $($rest)+)
    };
    ($span:ident; $key:ident $(, $($rest:tt)*)?) => {
        $crate::__span_set!($span; stringify!($key); $key);
        $crate::__span_field!($span; $($($rest)*)?);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __span_value {
    ($span:ident; $key:expr; ?$value:expr $(, $($rest:tt)*)?) => {
        $crate::__span_set!($span; $key; &$crate::__private::text(format_args!("{:?}", $value)));
        $crate::__span_field!($span; $($($rest)*)?);
    };
    ($span:ident; $key:expr; %$value:expr $(, $($rest:tt)*)?) => {
        $crate::__span_set!($span; $key; &$crate::__private::text(format_args!("{}", $value)));
        $crate::__span_field!($span; $($($rest)*)?);
    };
    ($span:ident; $key:expr; $value:expr $(, $($rest:tt)*)?) => {
        $crate::__span_set!($span; $key; $value);
        $crate::__span_field!($span; $($($rest)*)?);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __span_set {
    ($span:ident; $key:expr; $value:expr) => {{
        const KEY: &$crate::__private::StaticKey<{ $key.len() + 2 }> =
            &$crate::__private::StaticKey::new($key);
        $span.set_first(KEY, $value);
    }};
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
    pub use crate::record::StaticKey;

    /// A formatted value. No value needs more than a text may have at most.
    pub fn text(arguments: std::fmt::Arguments<'_>) -> String {
        crate::layer::fields::Bounded::format(crate::record::Limits::DEFAULT_TEXT_BYTES, arguments)
    }
}
