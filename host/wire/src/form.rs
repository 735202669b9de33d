//! How a plain value becomes its form, a flat type that rkyv lays out, and how an archived form becomes the value.
//!
//! A conversion takes both sides apart whole, so that a new field does not compile until somebody decides what older
//! versions make of it. Both directions check the same limits.

use std::sync::Arc;
use std::time::Duration;

use rkyv::api::high::{HighSerializer, HighValidator};
use rkyv::bytecheck::CheckBytes;
use rkyv::rancor::Failure;
use rkyv::ser::allocator::ArenaHandle;
use rkyv::{Archive, Archived, Serialize};
use scheduler::{
    Address, AttemptId, Epoch, ExecutorId, Host, ImageId, JobId, Rack, RddId, ShuffleId, StageId,
    SubmissionKey, Tenant, WorkerId,
};

use crate::{Error, Invalid};

/// How many bytes a text for people, or an argument, may have.
pub const TEXT_MAX: usize = 1 << 20;
/// How many bytes a name may have: of a machine, a process, a tenant.
pub const NAME_MAX: usize = 255;
/// How many entries a list may have.
pub const LIST_MAX: usize = 1 << 20;

/// What rkyv can lay out, and check where it lies.
pub(crate) trait Form:
    Archive<Archived: for<'a> CheckBytes<HighValidator<'a, Failure>>>
    + for<'a, 'b> Serialize<HighSerializer<&'b mut Vec<u8>, ArenaHandle<'a>, Failure>>
{
}

impl<T> Form for T where
    T: Archive<Archived: for<'a> CheckBytes<HighValidator<'a, Failure>>>
        + for<'a, 'b> Serialize<HighSerializer<&'b mut Vec<u8>, ArenaHandle<'a>, Failure>>
{
}

/// A plain value that has a form.
pub(crate) trait Wire: Sized {
    /// What it looks like on the wire.
    type Form: Form;

    /// Returns its form, if a receiver would take it.
    fn to_form(&self) -> Result<Self::Form, Invalid>;

    /// Returns the value that a form stands for.
    fn from_form(form: &Archived<Self::Form>) -> Result<Self, Invalid>;
}

/// Appends a value's bytes.
pub(crate) fn write<T: Wire>(value: &T, out: &mut Vec<u8>) -> Result<(), Invalid> {
    write_form(&value.to_form()?, out);
    Ok(())
}

/// Appends a form's bytes.
pub(crate) fn write_form(form: &impl Form, out: &mut Vec<u8>) {
    rkyv::api::high::to_bytes_in::<_, Failure>(form, out)
        .expect("a vector takes what is written, and a form is no deeper than its type");
}

/// Why bytes are not a value.
pub(crate) enum Unreadable {
    /// They do not look like its form.
    Malformed,
    /// They do, but it makes no sense.
    Invalid(Invalid),
}

impl Unreadable {
    /// Names the message that the bytes were to be.
    pub(crate) fn into_error(self, message: &'static str) -> Error {
        match self {
            Self::Malformed => Error::Malformed { message },
            Self::Invalid(invalid) => Error::Invalid { message, invalid },
        }
    }
}

/// Returns the value whose bytes these are.
pub(crate) fn read<T: Wire>(bytes: &[u8]) -> Result<T, Unreadable> {
    let form = rkyv::access::<Archived<T::Form>, Failure>(bytes)
        .map_err(|Failure| Unreadable::Malformed)?;
    T::from_form(form).map_err(Unreadable::Invalid)
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl Wire for $number {
            type Form = Self;

            fn to_form(&self) -> Result<Self, Invalid> {
                Ok(*self)
            }

            fn from_form(form: &Archived<Self>) -> Result<Self, Invalid> {
                Ok((*form).into())
            }
        }
    )*};
}

numbers!(bool, u8, u16, u32, u64, i32);

macro_rules! ids {
    ($($id:ident($number:ty)),*) => {$(
        impl Wire for $id {
            type Form = $number;

            fn to_form(&self) -> Result<$number, Invalid> {
                Ok(self.0)
            }

            fn from_form(form: &Archived<$number>) -> Result<Self, Invalid> {
                Ok(Self((*form).into()))
            }
        }
    )*};
}

ids! {
    JobId(u32), StageId(u32), RddId(u32), ShuffleId(u32), ExecutorId(u32), AttemptId(u64), Epoch(u64), WorkerId(u64),
    ImageId([u8; 32])
}

impl Wire for SubmissionKey {
    type Form = [u8; 16];

    fn to_form(&self) -> Result<[u8; 16], Invalid> {
        Ok(self.0.to_le_bytes())
    }

    fn from_form(form: &[u8; 16]) -> Result<Self, Invalid> {
        Ok(Self(u128::from_le_bytes(*form)))
    }
}

impl<const N: usize> Wire for [u8; N] {
    type Form = Self;

    fn to_form(&self) -> Result<Self, Invalid> {
        Ok(*self)
    }

    fn from_form(form: &Self) -> Result<Self, Invalid> {
        Ok(*form)
    }
}

impl Wire for Duration {
    /// In microseconds.
    type Form = u64;

    fn to_form(&self) -> Result<u64, Invalid> {
        u64::try_from(self.as_micros()).map_err(|_| Invalid::Duration)
    }

    fn from_form(form: &Archived<u64>) -> Result<Self, Invalid> {
        Ok(Self::from_micros(form.to_native()))
    }
}

fn text(text: &str) -> Result<&str, Invalid> {
    at_most(text, TEXT_MAX)
}

fn name(name: &str) -> Result<&str, Invalid> {
    if name.chars().any(char::is_control) {
        return Err(Invalid::ControlCharacter);
    }
    at_most(name, NAME_MAX)
}

const fn at_most(text: &str, limit: usize) -> Result<&str, Invalid> {
    if text.len() > limit {
        return Err(Invalid::TextTooLong {
            bytes: text.len(),
            limit,
        });
    }
    Ok(text)
}

macro_rules! texts {
    ($($text:ty),*) => {$(
        impl Wire for $text {
            type Form = String;

            fn to_form(&self) -> Result<String, Invalid> {
                text(self).map(Into::into)
            }

            fn from_form(form: &Archived<String>) -> Result<Self, Invalid> {
                text(form).map(Into::into)
            }
        }
    )*};
}

texts!(String, Arc<str>);

macro_rules! names {
    ($($name:ident),*) => {$(
        impl Wire for $name {
            type Form = String;

            fn to_form(&self) -> Result<String, Invalid> {
                name(&self.0).map(Into::into)
            }

            fn from_form(form: &Archived<String>) -> Result<Self, Invalid> {
                name(form).map(Into::into)
            }
        }
    )*};
}

names!(Address, Host, Rack, Tenant);

impl<T: Wire> Wire for Arc<T> {
    type Form = T::Form;

    fn to_form(&self) -> Result<T::Form, Invalid> {
        T::to_form(self)
    }

    fn from_form(form: &Archived<T::Form>) -> Result<Self, Invalid> {
        T::from_form(form).map(Self::new)
    }
}

impl<T: Wire> Wire for Option<T> {
    type Form = Option<T::Form>;

    fn to_form(&self) -> Result<Option<T::Form>, Invalid> {
        self.as_ref().map(T::to_form).transpose()
    }

    fn from_form(form: &Archived<Option<T::Form>>) -> Result<Self, Invalid> {
        form.as_ref().map(T::from_form).transpose()
    }
}

impl<T: Wire, E: Wire> Wire for Result<T, E> {
    type Form = Result<T::Form, E::Form>;

    fn to_form(&self) -> Result<Self::Form, Invalid> {
        Ok(match self {
            Ok(value) => Ok(value.to_form()?),
            Err(error) => Err(error.to_form()?),
        })
    }

    fn from_form(form: &Archived<Self::Form>) -> Result<Self, Invalid> {
        Ok(match form.as_ref() {
            Ok(value) => Ok(T::from_form(value)?),
            Err(error) => Err(E::from_form(error)?),
        })
    }
}

impl<T: Wire> Wire for Vec<T> {
    type Form = Vec<T::Form>;

    fn to_form(&self) -> Result<Vec<T::Form>, Invalid> {
        list(self.len())?;
        let mut forms = Vec::with_capacity(self.len());
        for value in self {
            forms.push(value.to_form()?);
        }
        Ok(forms)
    }

    fn from_form(form: &Archived<Vec<T::Form>>) -> Result<Self, Invalid> {
        list(form.len())?;
        // As many as have arrived: checked access has seen each of them in the frame, in a place of its own.
        let mut values = Self::with_capacity(form.len());
        for form in form.iter() {
            values.push(T::from_form(form)?);
        }
        Ok(values)
    }
}

impl<T: Wire> Wire for Box<[T]> {
    type Form = Vec<T::Form>;

    fn to_form(&self) -> Result<Vec<T::Form>, Invalid> {
        list(self.len())?;
        self.iter().map(T::to_form).collect()
    }

    fn from_form(form: &Archived<Vec<T::Form>>) -> Result<Self, Invalid> {
        Vec::from_form(form).map(Vec::into_boxed_slice)
    }
}

const fn list(length: usize) -> Result<(), Invalid> {
    if length > LIST_MAX {
        return Err(Invalid::ListTooLong {
            length,
            limit: LIST_MAX,
        });
    }
    Ok(())
}

macro_rules! tuples {
    ($(($($value:ident: $type:ident),*))*) => {$(
        impl<$($type: Wire),*> Wire for ($($type,)*) {
            type Form = ($($type::Form,)*);

            fn to_form(&self) -> Result<Self::Form, Invalid> {
                let ($($value,)*) = self;
                Ok(($($value.to_form()?,)*))
            }

            fn from_form(form: &Archived<Self::Form>) -> Result<Self, Invalid> {
                tuples!(@archived form $($value)*);
                Ok(($($type::from_form($value)?,)*))
            }
        }
    )*};
    (@archived $form:ident $a:ident) => { let $a = &$form.0; };
    (@archived $form:ident $a:ident $b:ident) => { let ($a, $b) = (&$form.0, &$form.1); };
    (@archived $form:ident $a:ident $b:ident $c:ident) => {
        let ($a, $b, $c) = (&$form.0, &$form.1, &$form.2);
    };
    (@archived $form:ident $a:ident $b:ident $c:ident $d:ident) => {
        let ($a, $b, $c, $d) = (&$form.0, &$form.1, &$form.2, &$form.3);
    };
    (@archived $form:ident $a:ident $b:ident $c:ident $d:ident $e:ident) => {
        let ($a, $b, $c, $d, $e) = (&$form.0, &$form.1, &$form.2, &$form.3, &$form.4);
    };
    (@archived $form:ident $a:ident $b:ident $c:ident $d:ident $e:ident $f:ident) => {
        let ($a, $b, $c, $d, $e, $f) =
            (&$form.0, &$form.1, &$form.2, &$form.3, &$form.4, &$form.5);
    };
}

tuples! {
    (a: A)
    (a: A, b: B)
    (a: A, b: B, c: C)
    (a: A, b: B, c: C, d: D)
    (a: A, b: B, c: C, d: D, e: E)
    (a: A, b: B, c: C, d: D, e: E, f: F)
}

impl Wire for () {
    type Form = ();

    fn to_form(&self) -> Result<(), Invalid> {
        Ok(())
    }

    fn from_form((): &()) -> Result<(), Invalid> {
        Ok(())
    }
}

/// Declares the form of a record (`struct form = value { field: type, .. }`), field by field.
/// `=>` names a function that looks at the finished value, in both directions.
macro_rules! records {
    ($($form:ident = $value:ty { $($field:ident: $type:ty),* $(,)? } $(=> $check:path)?)*) => {$(
        #[derive(rkyv::Archive, rkyv::Serialize)]
        pub(crate) struct $form {
            $($field: <$type as crate::form::Wire>::Form,)*
        }

        impl crate::form::Wire for $value {
            type Form = $form;

            fn to_form(&self) -> Result<$form, crate::Invalid> {
                $($check(self)?;)?
                let Self { $($field),* } = self;
                Ok($form { $($field: <$type as crate::form::Wire>::to_form($field)?,)* })
            }

            fn from_form(form: &rkyv::Archived<$form>) -> Result<Self, crate::Invalid> {
                type Form = rkyv::Archived<$form>;
                let Form { $($field),* } = form;
                let value = Self { $($field: <$type as crate::form::Wire>::from_form($field)?,)* };
                $($check(&value)?;)?
                Ok(value)
            }
        }
    )*};
}
pub(crate) use records;

/// Declares the form of an enum, variant by variant. Their order is part of the protocol.
macro_rules! choices {
    ($($form:ident = $value:ty {
        $($variant:ident $(($($at:ident: $tuple:ty),*))? $({ $($field:ident: $type:ty),* $(,)? })?),* $(,)?
    })*) => {$(
        #[derive(rkyv::Archive, rkyv::Serialize)]
        pub(crate) enum $form {
            $($variant
                $(($(<$tuple as crate::form::Wire>::Form),*))?
                $({ $($field: <$type as crate::form::Wire>::Form),* })?,)*
        }

        impl crate::form::Wire for $value {
            type Form = $form;

            fn to_form(&self) -> Result<$form, crate::Invalid> {
                Ok(match self {
                    $(Self::$variant $(($($at),*))? $({ $($field),* })? => $form::$variant
                        $(($(<$tuple as crate::form::Wire>::to_form($at)?),*))?
                        $({ $($field: <$type as crate::form::Wire>::to_form($field)?),* })?,)*
                })
            }

            fn from_form(form: &rkyv::Archived<$form>) -> Result<Self, crate::Invalid> {
                type Form = rkyv::Archived<$form>;
                Ok(match form {
                    $(Form::$variant $(($($at),*))? $({ $($field),* })? => Self::$variant
                        $(($(<$tuple as crate::form::Wire>::from_form($at)?),*))?
                        $({ $($field: <$type as crate::form::Wire>::from_form($field)?),* })?,)*
                })
            }
        }
    )*};
}
pub(crate) use choices;
