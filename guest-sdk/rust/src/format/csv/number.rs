//! Numbers as most files have them, quicker than by the rules for all numbers.

/// The powers of ten that fewer digits than [`DIGITS`] can ask for. A double holds each exactly.
const TENS: [f64; DIGITS + 1] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
];

/// An `i64` holds every number of so many digits.
const WHOLE_DIGITS: usize = 18;

/// A double holds every number of so many digits exactly.
const DIGITS: usize = 15;

/// A whole number of few digits; none: see [`decimal`].
#[inline]
pub(super) fn whole(text: &str) -> Option<i64> {
    let (is_negative, text) = sign(text);
    if text.is_empty() || text.len() > WHOLE_DIGITS {
        return None;
    }
    let mut number = 0;
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number * 10 + i64::from(digit);
    }
    Some(if is_negative { -number } else { number })
}

fn sign(text: &str) -> (bool, &[u8]) {
    match text.as_bytes() {
        [b'-', text @ ..] => (true, text),
        text => (false, text),
    }
}

/// A decimal of few digits; none: it is another number, or none at all, which `str::parse` knows.
///
/// Digits and power are exact, so that the one division rounds as the standard says (Clinger, "How to read floating point
/// numbers accurately", 1990).
#[inline]
pub(super) fn decimal(text: &str) -> Option<f64> {
    let (is_negative, text) = sign(text);
    let (mut number, mut digits, mut places) = (0i64, 0, None);
    for byte in text {
        match byte {
            b'0'..=b'9' if digits < DIGITS => number = number * 10 + i64::from(byte - b'0'),
            b'.' if places.is_none() => {
                places = Some(digits);
                continue;
            }
            _ => return None,
        }
        digits += 1;
    }
    if digits == 0 {
        return None;
    }
    let power = TENS[digits - places.unwrap_or(digits)];
    #[expect(clippy::cast_precision_loss, reason = "fewer digits than it has")]
    let number = number as f64 / power;
    Some(if is_negative { -number } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same bits as the standard library's, which also tells what is no number.
    #[track_caller]
    fn expect_same(text: &str) -> Option<f64> {
        let quick = decimal(text);
        if let Some(quick) = quick {
            let exact: f64 = text.parse().unwrap();
            assert_eq!(quick.to_bits(), exact.to_bits(), "{text}");
        }
        quick
    }

    #[test]
    fn a_decimal_of_few_digits_is_the_nearest_double() {
        for text in [
            "0",
            "-0",
            "1.",
            ".5",
            "-.25",
            "007.50",
            "999999999999999",
            "0.00000000000001",
            "123456.789012345",
        ] {
            assert!(expect_same(text).is_some(), "{text}");
        }
        let mut number = 1u64;
        for round in 0..20_000 {
            number = number
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(round);
            let digits = (number % 1_000_000_000_000_000).to_string();
            let (whole, part) = digits.split_at((number >> 60) as usize % (digits.len() + 1));
            assert!(
                expect_same(&format!("{whole}.{part}")).is_some(),
                "{digits}"
            );
        }
    }

    #[test]
    fn a_whole_number_is_what_the_standard_library_says() {
        for text in ["0", "-0", "007", "-12", "999999999999999999"] {
            assert_eq!(whole(text), text.parse().ok(), "{text}");
        }
        for text in ["", "-", "+1", "1.0", "--1", "1e3", "9223372036854775807"] {
            assert_eq!(whole(text), None, "{text}");
        }
    }

    #[test]
    fn other_numbers_are_left_to_others() {
        for text in [
            "",
            "-",
            ".",
            "-.",
            "1e3",
            "+1",
            "inf",
            "1.2.3",
            "1_0",
            " 1",
            "1000000000000000",
        ] {
            assert_eq!(expect_same(text), None, "{text}");
        }
    }
}
