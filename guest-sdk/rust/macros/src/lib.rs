//! The macros of the crate `tinderbox`: the entry point and the encoding of a program's own types.
//!
//! They write nothing that a program could not write by hand with the public items of `tinderbox`.

mod entry;
mod record;

use proc_macro::TokenStream;

/// Makes a function the driver of a job's program.
///
/// The function is `fn main(cx: &Context, args: Vec<String>) -> tinderbox::Result<()>`; `args` are the words after the
/// program's name. Its crate must have the crate type `cdylib`.
#[proc_macro_attribute]
pub fn main(attribute: TokenStream, item: TokenStream) -> TokenStream {
    entry::expand(attribute.into(), item.into())
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Implements `tinderbox::Record` for a struct or an enum whose fields are records.
///
/// The fields are encoded in the order in which they are written; an enum's variant is its position.
#[proc_macro_derive(Record)]
pub fn derive_record(item: TokenStream) -> TokenStream {
    record::expand(item.into())
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}
