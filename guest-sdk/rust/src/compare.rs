//! The comparison of bytes, in place of the C library's, which goes byte by byte.
//!
//! Every lookup of a string ends in one. It compares words by `^`, never by `==`: of a run of those the compiler would
//! make a call of `memcmp`, which is this.

use std::slice;

use crate::bytes::ends;

/// C's `memcmp`: less than, equal to or greater than 0, as the first bytes that differ.
///
/// # Safety
/// Both are of so many bytes.
#[cfg_attr(target_family = "wasm", unsafe(no_mangle))]
#[expect(unsafe_code, reason = "the signature is C's")]
unsafe extern "C" fn memcmp(a: *const u8, b: *const u8, length: usize) -> i32 {
    if length == 0 {
        return 0;
    }
    // SAFETY: the caller vouches for so many bytes at both places.
    let (a, b) = unsafe {
        (
            slice::from_raw_parts(a, length),
            slice::from_raw_parts(b, length),
        )
    };
    compare(a, b)
}

/// C's `bcmp`: 0 if they are equal.
///
/// # Safety
/// As for [`memcmp`].
#[cfg_attr(target_family = "wasm", unsafe(no_mangle))]
#[expect(unsafe_code, reason = "the signature is C's")]
unsafe extern "C" fn bcmp(a: *const u8, b: *const u8, length: usize) -> i32 {
    // SAFETY: the contract is the same.
    unsafe { memcmp(a, b, length) }
}

/// Compares two slices of one length, which is not 0. Words overlap where the length is no multiple of theirs.
#[inline]
fn compare(a: &[u8], b: &[u8]) -> i32 {
    let words = |bytes: &[u8]| {
        let (first, last) = ends::<8>(bytes)?;
        Some((u64::from_le_bytes(first), u64::from_le_bytes(last)))
    };
    let halves = |bytes: &[u8]| {
        let (first, last) = ends::<4>(bytes)?;
        Some(u64::from(u32::from_le_bytes(first)) | u64::from(u32::from_le_bytes(last)) << 32)
    };
    match (words(a), words(b)) {
        (Some(_), Some(_)) if a.len() > 16 => compare_long(a, b),
        (Some((first_a, last_a)), Some((first_b, last_b))) if first_a ^ first_b == 0 => {
            order(last_a, last_b)
        }
        (Some((a, _)), Some((b, _))) => order(a, b),
        _ => match (halves(a), halves(b)) {
            (Some(a), Some(b)) => order(a, b),
            _ => order(up_to_three(a), up_to_three(b)),
        },
    }
}

/// The first, the middle and the last of one to three bytes.
#[inline]
fn up_to_three(bytes: &[u8]) -> u64 {
    let byte = |at: usize| u64::from(bytes.get(at).copied().unwrap_or(0));
    byte(0) | byte(bytes.len() / 2) << 8 | byte(bytes.len() - 1) << 16
}

/// Compares slices of more than 16 bytes.
fn compare_long(a: &[u8], b: &[u8]) -> i32 {
    let word = |bytes: &[u8; 16]| u128::from_le_bytes(*bytes);
    let differ = |a: &[u8; 16], b: &[u8; 16]| word(a) ^ word(b) != 0;
    let order = |a: &[u8; 16], b: &[u8; 16]| {
        let at = (word(a) ^ word(b)).trailing_zeros() as usize / 8;
        i32::from(a[at]) - i32::from(b[at])
    };
    let whole = a.as_chunks().0.iter().zip(b.as_chunks().0);
    let last = a.last_chunk().into_iter().zip(b.last_chunk());
    whole
        .chain(last)
        .find(|(a, b)| differ(a, b))
        .map_or(0, |(a, b)| order(a, b))
}

/// Compares words as the bytes that they are, the lowest first.
#[inline]
fn order(a: u64, b: u64) -> i32 {
    let differing = a ^ b;
    if differing == 0 {
        return 0;
    }
    let byte = |word: u64| (word >> (differing.trailing_zeros() & !7) & 0xff) as i32;
    byte(a) - byte(b)
}

#[cfg(test)]
#[expect(unsafe_code, reason = "calls it as C does")]
mod tests {
    use std::cmp::Ordering;

    use super::*;

    fn compared(a: &[u8], b: &[u8]) -> Ordering {
        assert_eq!(a.len(), b.len());
        // SAFETY: both have this length.
        let (order, differs) = unsafe {
            (
                memcmp(a.as_ptr(), b.as_ptr(), a.len()),
                bcmp(a.as_ptr(), b.as_ptr(), a.len()),
            )
        };
        assert_eq!(order == 0, differs == 0);
        order.cmp(&0)
    }

    #[test]
    fn bytes_of_every_length_compare_as_slices() {
        for length in 0..70 {
            let bytes: Vec<u8> = (0..length).map(|at: u8| at.wrapping_mul(37)).collect();
            assert_eq!(compared(&bytes, &bytes.clone()), Ordering::Equal);
            for at in 0..usize::from(length) {
                for (change, later) in [(1, 0), (0x80, 0x80), (0xff, 1), (3, 0xff)] {
                    let mut other = bytes.clone();
                    other[at] ^= change;
                    // What comes behind the first difference must not count.
                    other[at + 1..].iter_mut().for_each(|byte| *byte ^= later);
                    assert_eq!(compared(&bytes, &other), bytes.cmp(&other), "{length} {at}");
                }
            }
        }
    }
}
