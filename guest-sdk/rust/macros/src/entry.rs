//! Writes what exports a program's `main` and its tasks.
//!
//! The function itself is left as it is, so that a test can call it.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, ItemFn, Result};

pub(crate) fn expand(attribute: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let function: ItemFn = syn::parse2(item)?;
    check(&attribute, &function)?;
    let name = &function.sig.ident;
    Ok(quote! {
        #function

        const _: () = {
            struct Driver;

            impl ::tinderbox::program::Main for Driver {
                fn main(
                    cx: &::tinderbox::Context,
                    args: ::std::vec::Vec<::std::string::String>,
                ) -> ::tinderbox::Result<()> {
                    #name(cx, args).map_err(::core::convert::Into::into)
                }
            }

            // Keeps the program in use where there is nothing to export it to: only a component has exports.
            const _: fn(
                &::tinderbox::Context,
                ::std::vec::Vec<::std::string::String>,
            ) -> ::tinderbox::Result<()> = <Driver as ::tinderbox::program::Main>::main;

            #[cfg(target_family = "wasm")]
            type Program = ::tinderbox::program::Program<Driver>;
            #[cfg(target_family = "wasm")]
            ::tinderbox::bindings::__export_job_program!(Program with_types_in ::tinderbox::bindings);
        };
    })
}

fn check(attribute: &TokenStream, function: &ItemFn) -> Result<()> {
    let signature = &function.sig;
    if !attribute.is_empty() {
        return Err(Error::new_spanned(
            attribute,
            "`tinderbox::main` takes no arguments",
        ));
    }
    if let Some(keyword) = &signature.asyncness {
        return Err(Error::new_spanned(
            keyword,
            "a driver's `main` cannot be async",
        ));
    }
    if signature.inputs.len() != 2 || !signature.generics.params.is_empty() {
        return Err(Error::new_spanned(
            signature,
            "a driver's `main` is `fn main(cx: &Context, args: Vec<String>) -> tinderbox::Result<()>`",
        ));
    }
    Ok(())
}
