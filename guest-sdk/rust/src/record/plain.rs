//! Numbers and what is made of them alone.
//!
//! A slice of numbers is copied, not encoded one by one: on a little-endian machine these loops compile to `memcpy`, or to
//! little more where numbers can be NaN.

use super::{Input, Malformed, Record};

macro_rules! plain {
    ($to_bytes:path: $($number:ty),*) => { $(
        impl Record for $number {
            const MIN_WIDTH: usize = size_of::<Self>();

            #[inline]
            fn encode(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&$to_bytes(*self));
            }

            #[inline]
            fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
                Ok(Self::from_le_bytes(input.take_array()?))
            }

            fn encode_all(items: &[Self], out: &mut Vec<u8>) {
                let start = out.len();
                out.resize(start + size_of_val(items), 0);
                let places = out[start..].as_chunks_mut().0;
                for (place, item) in places.iter_mut().zip(items) {
                    *place = $to_bytes(*item);
                }
            }

            #[inline]
            fn encode_array<const N: usize>(items: &[Self; N], out: &mut Vec<u8>) {
                let bytes: [_; N] = std::array::from_fn(|at| $to_bytes(items[at]));
                out.extend_from_slice(bytes.as_flattened());
            }

            fn decode_all(count: usize, input: &mut Input<'_>, items: &mut Vec<Self>) -> Result<(), Malformed> {
                let length = count.checked_mul(Self::MIN_WIDTH).ok_or(Malformed::of("items"))?;
                let places = input.take(length)?.as_chunks().0;
                items.extend(places.iter().map(|place| Self::from_le_bytes(*place)));
                Ok(())
            }

            fn decode_array<const N: usize>(input: &mut Input<'_>) -> Result<[Self; N], Malformed> {
                let places = input.take(N * size_of::<Self>())?.as_chunks().0;
                Ok(std::array::from_fn(|at| Self::from_le_bytes(places[at])))
            }

            fn decode_arrays<const N: usize>(
                count: usize,
                input: &mut Input<'_>,
                arrays: &mut Vec<[Self; N]>,
            ) -> Result<(), Malformed> {
                let length = count.checked_mul(size_of::<[Self; N]>()).ok_or(Malformed::of("items"))?;
                let places = input.take(length)?.as_chunks().0;
                arrays.extend((0..count).map(|array| {
                    let places = &places[array * N..][..N];
                    std::array::from_fn(|at| Self::from_le_bytes(places[at]))
                }));
                Ok(())
            }
        }
    )* };
}

plain!(Self::to_le_bytes: u8, u16, u32, u64, u128, i8, i16, i32, i64, i128);
plain!(f32_bytes: f32);
plain!(f64_bytes: f64);

/// Every NaN has the bits of the one that WebAssembly calls canonical: which one an operation gives depends on the
/// processor.
#[inline]
fn f32_bytes(number: f32) -> [u8; 4] {
    const NAN: u32 = 0x7fc0_0000;
    if number.is_nan() {
        NAN
    } else {
        number.to_bits()
    }
    .to_le_bytes()
}

/// As [`f32_bytes`].
#[inline]
fn f64_bytes(number: f64) -> [u8; 8] {
    const NAN: u64 = 0x7ff8_0000_0000_0000;
    if number.is_nan() {
        NAN
    } else {
        number.to_bits()
    }
    .to_le_bytes()
}

/// As 64 bits, so that the bytes do not depend on the machine.
macro_rules! pointer_sized {
    ($($number:ty as $wide:ty),*) => { $(
        impl Record for $number {
            const MIN_WIDTH: usize = size_of::<$wide>();

            #[inline]
            fn encode(&self, out: &mut Vec<u8>) {
                (*self as $wide).encode(out);
            }

            #[inline]
            fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
                Self::try_from(<$wide>::decode(input)?).map_err(|_| Malformed::of(stringify!($number)))
            }
        }
    )* };
}

pointer_sized!(usize as u64, isize as i64);

impl Record for () {
    const MIN_WIDTH: usize = 0;

    fn encode(&self, _: &mut Vec<u8>) {}

    fn decode(_: &mut Input<'_>) -> Result<Self, Malformed> {
        Ok(())
    }
}

impl Record for bool {
    const MIN_WIDTH: usize = 1;

    fn encode(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        match u8::decode(input)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed::of("bool")),
        }
    }
}

impl Record for char {
    const MIN_WIDTH: usize = 4;

    fn encode(&self, out: &mut Vec<u8>) {
        u32::from(*self).encode(out);
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        Self::from_u32(u32::decode(input)?).ok_or_else(|| Malformed::of("char"))
    }
}

impl<T: Record, const N: usize> Record for [T; N] {
    const MIN_WIDTH: usize = N * T::MIN_WIDTH;

    fn encode(&self, out: &mut Vec<u8>) {
        T::encode_array(self, out);
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        T::decode_array(input)
    }

    fn encode_all(items: &[Self], out: &mut Vec<u8>) {
        T::encode_all(items.as_flattened(), out);
    }

    fn decode_all(
        count: usize,
        input: &mut Input<'_>,
        items: &mut Vec<Self>,
    ) -> Result<(), Malformed> {
        T::decode_arrays(count, input, items)
    }

    fn detach(&mut self) {
        self.iter_mut().for_each(T::detach);
    }
}
