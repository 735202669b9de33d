//! Tuples: their parts, one after the other.

use super::{Input, Malformed, Record};

macro_rules! tuple {
    ($($part:ident $at:tt),*) => {
        impl<$($part: Record),*> Record for ($($part,)*) {
            const MIN_WIDTH: usize = 0 $(+ $part::MIN_WIDTH)*;

            #[inline]
            fn encode(&self, out: &mut Vec<u8>) {
                $(self.$at.encode(out);)*
            }

            #[inline]
            fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
                Ok(($($part::decode(input)?,)*))
            }

            #[inline]
            fn detach(&mut self) {
                $(self.$at.detach();)*
            }

            #[inline]
            fn touch(&self) -> u8 {
                0 $(^ self.$at.touch())*
            }
        }
    };
}

tuple!(A 0);
tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);
tuple!(A 0, B 1, C 2, D 3, E 4);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
