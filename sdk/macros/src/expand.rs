//! The function with its span.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{ItemFn, ReturnType};

use crate::arguments::Arguments;

pub(crate) fn expand(arguments: Arguments, function: ItemFn) -> TokenStream {
    let Arguments { name, kind, fields, records_err } = arguments;
    let ItemFn { attrs, vis, sig, block } = function;
    let name = name.map_or_else(|| sig.ident.to_string(), |name| name.value());
    let kind = kind.map(|kind| quote! { kind: ::laneway::SpanKind::#kind, });
    let span = quote! { ::laneway::span!(#kind #name, #fields) };
    // What is returned is written out, so that `?` and `return` in the body mean what they say.
    let returned = match &sig.output {
        ReturnType::Default => quote! { () },
        ReturnType::Type(_, returned) => quote! { #returned },
    };
    let failed = records_err.then(|| {
        quote! {
            if let ::core::result::Result::Err(error) = &__laneway_result {
                ::laneway::update_current(|span| span.fail(&::std::string::ToString::to_string(error)));
            }
        }
    });
    let body = if sig.asyncness.is_some() {
        quote! {
            let __laneway_span = #span;
            __laneway_span
                .instrument(async move {
                    let __laneway_result: #returned = async move #block.await;
                    #failed
                    __laneway_result
                })
                .await
        }
    } else {
        quote! {
            let __laneway_entered = #span.entered();
            #[allow(clippy::redundant_closure_call)]
            let __laneway_result: #returned = (move || #block)();
            #failed
            __laneway_result
        }
    };
    quote! {
        #(#attrs)*
        #vis #sig {
            #body
        }
    }
}
