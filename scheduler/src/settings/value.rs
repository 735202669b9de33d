//! Spark's value syntax: `1g`, `512m`, `60s`, `100ms`, plain numbers.
//!
//! Pure text to number; what a key allows is said in the table.

use std::time::Duration;

/// Bytes for each suffix, as Spark has them: powers of 1024, with or without a `b`.
const BYTE_UNITS: [(&str, u64); 11] = [
    ("b", 1),
    ("k", 1 << 10),
    ("kb", 1 << 10),
    ("m", 1 << 20),
    ("mb", 1 << 20),
    ("g", 1 << 30),
    ("gb", 1 << 30),
    ("t", 1 << 40),
    ("tb", 1 << 40),
    ("p", 1 << 50),
    ("pb", 1 << 50),
];

/// Microseconds for each suffix, as Spark has them.
const TIME_UNITS: [(&str, u64); 7] = [
    ("us", 1),
    ("ms", 1_000),
    ("s", 1_000_000),
    ("m", 60_000_000),
    ("min", 60_000_000),
    ("h", 3_600_000_000),
    ("d", 86_400_000_000),
];

/// Reads a size; `plain` is what a number without a suffix counts. None where it is no size or does not fit.
pub(super) fn bytes(text: &str, plain: u64) -> Option<u64> {
    scaled(text, &BYTE_UNITS, plain)
}

/// Reads a span of time; `plain` is how many microseconds a number without a suffix counts.
pub(super) fn duration(text: &str, plain: u64) -> Option<Duration> {
    scaled(text, &TIME_UNITS, plain).map(Duration::from_micros)
}

/// Reads a number with decimals that is not below 0. None where it is not one: `inf`, `NaN` and `1e3` are none.
pub(super) fn decimal(text: &str) -> Option<f64> {
    let plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    text.parse().ok().filter(|_| plain)
}

fn scaled(text: &str, units: &[(&str, u64)], plain: u64) -> Option<u64> {
    let text = text.to_ascii_lowercase();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, suffix) = text.split_at(digits);
    let scale = match suffix.trim_start() {
        "" => plain,
        suffix => units.iter().find(|(name, _)| *name == suffix)?.1,
    };
    number.parse::<u64>().ok()?.checked_mul(scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_powers_of_1024() {
        for (text, size) in [
            ("1g", Some(1 << 30)),
            ("512m", Some(512 << 20)),
            ("512 MB", Some(512 << 20)),
            ("7", Some(7)),
            ("7b", Some(7)),
            ("0", Some(0)),
            ("", None),
            ("g", None),
            ("1.5g", None),
            ("-1", None),
            ("1x", None),
            ("99999999p", None),
        ] {
            assert_eq!(bytes(text, 1), size, "{text}");
        }
        assert_eq!(bytes("7", 1 << 20), Some(7 << 20));
    }

    #[test]
    fn times_have_sparks_suffixes() {
        for (text, millis) in [
            ("100ms", 100),
            ("60s", 60_000),
            ("2min", 120_000),
            ("2m", 120_000),
        ] {
            assert_eq!(
                duration(text, 1),
                Some(Duration::from_millis(millis)),
                "{text}"
            );
        }
        assert_eq!(duration("3", 1_000_000), Some(Duration::from_secs(3)));
        assert_eq!(duration("3 weeks", 1), None);
    }

    #[test]
    fn decimals_are_plain_and_not_negative() {
        assert_eq!(decimal("0.75"), Some(0.75));
        assert_eq!(decimal("3"), Some(3.0));
        for text in ["-1", "inf", "NaN", "1e3", "", ".", "1.2.3"] {
            assert_eq!(decimal(text), None, "{text}");
        }
    }
}
