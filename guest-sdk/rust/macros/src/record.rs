//! Writes the encoding of a struct or an enum.
//!
//! Field by field, in order; nothing is stored that the type says already.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::{Data, DataEnum, DeriveInput, Error, Fields, Generics, Index, Result, parse_quote};

pub(crate) fn expand(item: TokenStream) -> Result<TokenStream> {
    let input: DeriveInput = syn::parse2(item)?;
    let body = match &input.data {
        Data::Struct(data) => of_struct(&data.fields),
        Data::Enum(data) => of_enum(&input.ident, data)?,
        Data::Union(_) => {
            return Err(Error::new_spanned(
                &input.ident,
                "a union cannot be a record",
            ));
        }
    };
    let name = &input.ident;
    let generics = bounded(input.generics.clone());
    let (parameters, arguments, conditions) = generics.split_for_impl();
    Ok(quote! {
        #[automatically_derived]
        impl #parameters ::tinderbox::Record for #name #arguments #conditions { #body }
    })
}

fn bounded(mut generics: Generics) -> Generics {
    for parameter in generics.type_params_mut() {
        parameter.bounds.push(parse_quote!(::tinderbox::Record));
    }
    generics
}

fn of_struct(fields: &Fields) -> TokenStream {
    let members: Vec<TokenStream> = members(fields);
    let types: Vec<_> = fields.iter().map(|field| &field.ty).collect();
    let value = construct(&quote!(Self), fields);
    quote! {
        const MIN_WIDTH: usize = 0 #(+ <#types as ::tinderbox::Record>::MIN_WIDTH)*;

        fn encode(&self, out: &mut ::std::vec::Vec<u8>) {
            #(::tinderbox::Record::encode(&self.#members, out);)*
            let _ = out;
        }

        fn decode(input: &mut ::tinderbox::record::Input<'_>) -> ::core::result::Result<Self, ::tinderbox::record::Malformed> {
            let _ = &input;
            ::core::result::Result::Ok(#value)
        }

        fn detach(&mut self) {
            #(::tinderbox::Record::detach(&mut self.#members);)*
        }

        fn touch(&self) -> u8 {
            0 #(^ ::tinderbox::Record::touch(&self.#members))*
        }
    }
}

fn of_enum(name: &Ident, data: &DataEnum) -> Result<TokenStream> {
    if data.variants.is_empty() {
        return Err(Error::new_spanned(
            name,
            "an enum without variants cannot be a record",
        ));
    }
    let mut encode = Vec::new();
    let mut decode = Vec::new();
    let mut detach = Vec::new();
    let mut touch = Vec::new();
    for (tag, variant) in (0u32..).zip(&data.variants) {
        let ident = &variant.ident;
        let path = quote!(Self::#ident);
        let (pattern, bound) = pattern(&variant.fields);
        encode.push(quote! {
            #path #pattern => {
                ::tinderbox::record::write_length(#tag as usize, out);
                #(::tinderbox::Record::encode(#bound, out);)*
            }
        });
        detach.push(quote!(#path #pattern => { #(::tinderbox::Record::detach(#bound);)* }));
        touch.push(quote!(#path #pattern => 0 #(^ ::tinderbox::Record::touch(#bound))*,));
        let value = construct(&path, &variant.fields);
        decode.push(quote!(#tag => #value,));
    }
    let text = name.to_string();
    Ok(quote! {
        const MIN_WIDTH: usize = 1;

        fn encode(&self, out: &mut ::std::vec::Vec<u8>) {
            match self { #(#encode)* }
        }

        fn decode(input: &mut ::tinderbox::record::Input<'_>) -> ::core::result::Result<Self, ::tinderbox::record::Malformed> {
            ::core::result::Result::Ok(match input.tag()? {
                #(#decode)*
                _ => return ::core::result::Result::Err(::tinderbox::record::Malformed::of(#text)),
            })
        }

        fn detach(&mut self) {
            match self { #(#detach)* }
        }

        fn touch(&self) -> u8 {
            match self { #(#touch)* }
        }
    })
}

fn members(fields: &Fields) -> Vec<TokenStream> {
    let name = |(at, field): (usize, &syn::Field)| match &field.ident {
        Some(ident) => quote!(#ident),
        None => {
            let index = Index::from(at);
            quote!(#index)
        }
    };
    fields.iter().enumerate().map(name).collect()
}

/// `Path { a: decode, 0: decode }`: the braces serve named, numbered and no fields alike.
fn construct(path: &TokenStream, fields: &Fields) -> TokenStream {
    let members = members(fields);
    quote!(#path { #(#members: ::tinderbox::Record::decode(input)?,)* })
}

fn pattern(fields: &Fields) -> (TokenStream, Vec<Ident>) {
    let members = members(fields);
    let bound: Vec<Ident> = (0..members.len())
        .map(|at| format_ident!("field_{at}"))
        .collect();
    (quote!({ #(#members: #bound,)* }), bound)
}
