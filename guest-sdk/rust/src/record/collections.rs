//! What holds other records: their number, then each.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher, Hash};
use std::rc::Rc;

use super::{Input, Malformed, Record, touch_lines, write_length};

impl Record for String {
    const MIN_WIDTH: usize = 1;

    #[inline]
    fn encode(&self, out: &mut Vec<u8>) {
        write_length(self.len(), out);
        out.extend_from_slice(self.as_bytes());
    }

    #[inline]
    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        let length = input.length()?;
        let text = std::str::from_utf8(input.take(length)?).map_err(|_| Malformed::of("UTF-8"))?;
        Ok(text.to_owned())
    }

    #[inline]
    fn touch(&self) -> u8 {
        touch_lines(self.as_bytes())
    }
}

impl<T: Record> Record for Vec<T> {
    const MIN_WIDTH: usize = 1;

    fn encode(&self, out: &mut Vec<u8>) {
        write_length(self.len(), out);
        T::encode_all(self, out);
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        let count = input.length()?;
        let mut items = Self::new();
        T::decode_all(count, input, &mut items)?;
        Ok(items)
    }

    fn detach(&mut self) {
        self.iter_mut().for_each(T::detach);
    }
}

impl<T: Record> Record for Option<T> {
    const MIN_WIDTH: usize = 1;

    fn encode(&self, out: &mut Vec<u8>) {
        out.push(u8::from(self.is_some()));
        if let Some(value) = self {
            value.encode(out);
        }
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        Ok(if bool::decode(input)? {
            Some(T::decode(input)?)
        } else {
            None
        })
    }

    fn detach(&mut self) {
        self.iter_mut().for_each(T::detach);
    }
}

impl<T: Record, E: Record> Record for Result<T, E> {
    const MIN_WIDTH: usize = 1;

    fn encode(&self, out: &mut Vec<u8>) {
        out.push(u8::from(self.is_ok()));
        match self {
            Ok(value) => value.encode(out),
            Err(error) => error.encode(out),
        }
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        Ok(if bool::decode(input)? {
            Ok(T::decode(input)?)
        } else {
            Err(E::decode(input)?)
        })
    }

    fn detach(&mut self) {
        match self {
            Ok(value) => value.detach(),
            Err(error) => error.detach(),
        }
    }
}

impl<T: Record> Record for Box<T> {
    const MIN_WIDTH: usize = T::MIN_WIDTH;

    fn encode(&self, out: &mut Vec<u8>) {
        T::encode(self, out);
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        T::decode(input).map(Self::new)
    }

    fn detach(&mut self) {
        T::detach(self);
    }
}

/// What is behind it; values that shared it no longer do.
impl<T: Record> Record for Rc<T> {
    const MIN_WIDTH: usize = T::MIN_WIDTH;

    fn encode(&self, out: &mut Vec<u8>) {
        T::encode(self, out);
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        T::decode(input).map(Self::new)
    }
}

impl<T: Record> Record for Reverse<T> {
    const MIN_WIDTH: usize = T::MIN_WIDTH;

    fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        T::decode(input).map(Self)
    }

    fn detach(&mut self) {
        self.0.detach();
    }
}

/// The number of entries, then each in the collection's own order.
macro_rules! map {
    ($map:ident, [$($generics:tt)*], [$($arguments:ident),*]) => {
        impl<$($generics)*> Record for $map<$($arguments),*> {
            const MIN_WIDTH: usize = 1;

            fn encode(&self, out: &mut Vec<u8>) {
                write_length(self.len(), out);
                for (key, value) in self {
                    key.encode(out);
                    value.encode(out);
                }
            }

            fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
                let count = input.length()?;
                input.expect_items::<(K, V)>(count)?;
                (0..count).map(|_| Record::decode(input)).collect()
            }
        }
    };
}

map!(BTreeMap, [K: Record + Ord, V: Record], [K, V]);
map!(HashMap, [K: Record + Eq + Hash, V: Record, S: BuildHasher + Default], [K, V, S]);

/// The number of items, then each in the collection's own order.
macro_rules! set {
    ($set:ident, [$($generics:tt)*], [$($arguments:ident),*]) => {
        impl<$($generics)*> Record for $set<$($arguments),*> {
            const MIN_WIDTH: usize = 1;

            fn encode(&self, out: &mut Vec<u8>) {
                write_length(self.len(), out);
                for item in self {
                    item.encode(out);
                }
            }

            fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
                let count = input.length()?;
                input.expect_items::<T>(count)?;
                (0..count).map(|_| T::decode(input)).collect()
            }
        }
    };
}

set!(VecDeque, [T: Record], [T]);
set!(BTreeSet, [T: Record + Ord], [T]);
set!(HashSet, [T: Record + Eq + Hash, S: BuildHasher + Default], [T, S]);
