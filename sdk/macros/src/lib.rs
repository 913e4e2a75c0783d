//! The attribute `#[laneway::trace]`; see the crate `laneway`.

mod arguments;
mod expand;

use proc_macro::TokenStream;

/// Runs a function in a span of its own: `#[laneway::trace]` on a `fn` or an `async fn`.
///
/// The span is named after the function, records nothing of its arguments unless asked to, and ends with the function; for an
/// `async fn`, with its future. In parentheses, separated by commas, in any order:
///
/// | argument | meaning |
/// | --- | --- |
/// | `name = "load cart"` | another name |
/// | `kind = Client` | what kind of work it is, one of `SpanKind` |
/// | `fields(user.id = id, rows)` | attributes, as `span!` takes them; arguments of the function can be used |
/// | `err` | an `Err` that is returned marks the span as failed, with what it displays |
#[proc_macro_attribute]
pub fn trace(arguments: TokenStream, function: TokenStream) -> TokenStream {
    let arguments = match syn::parse(arguments) {
        Ok(arguments) => arguments,
        Err(error) => return error.into_compile_error().into(),
    };
    match syn::parse(function) {
        Ok(function) => expand::expand(arguments, function).into(),
        Err(error) => error.into_compile_error().into(),
    }
}
