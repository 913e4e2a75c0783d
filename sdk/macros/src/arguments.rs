//! What stands in the parentheses of the attribute.

use proc_macro2::TokenStream;
use syn::parse::{Parse, ParseStream};
use syn::{Ident, LitStr, Token, parenthesized};

#[derive(Default)]
pub(crate) struct Arguments {
    pub(crate) name: Option<LitStr>,
    pub(crate) kind: Option<Ident>,
    pub(crate) fields: TokenStream,
    pub(crate) records_err: bool,
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut arguments = Self::default();
        while !input.is_empty() {
            let argument: Ident = input.parse()?;
            match argument.to_string().as_str() {
                "name" => {
                    input.parse::<Token![=]>()?;
                    arguments.name = Some(input.parse()?);
                }
                "kind" => {
                    input.parse::<Token![=]>()?;
                    arguments.kind = Some(input.parse()?);
                }
                "fields" => {
                    let fields;
                    parenthesized!(fields in input);
                    arguments.fields = fields.parse()?;
                }
                "err" => arguments.records_err = true,
                _ => {
                    let message = "expected `name = \"...\"`, `kind = ...`, `fields(...)` or `err`";
                    return Err(syn::Error::new(argument.span(), message));
                }
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(arguments)
    }
}
