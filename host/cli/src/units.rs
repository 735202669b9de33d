//! Writes quantities for people: short, with their unit, never more exact than useful.

use std::time::Duration;

/// Returns a number of bytes, such as `96.0 KiB`.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    // Tenths of the unit, rounded: whole numbers do, up to the last byte of a u64.
    let mut tenths = (u128::from(bytes) * 10 + 512) / 1024;
    let mut unit = 0;
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths = (tenths + 512) / 1024;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

/// Returns a time span, such as `3.2 s` or `1 min 05 s`.
pub(crate) fn time(time: Duration) -> String {
    match time.as_secs_f64() {
        seconds if seconds < 0.000_999_5 => format!("{:.0} µs", seconds * 1e6),
        seconds if seconds < 0.999_5 => format!("{:.0} ms", seconds * 1e3),
        seconds if seconds < 59.95 => format!("{seconds:.1} s"),
        _ => {
            let seconds = (time + Duration::from_millis(500)).as_secs();
            let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
            if hours > 0 {
                format!("{hours} h {minutes:02} min")
            } else {
                format!("{minutes} min {seconds:02} s")
            }
        }
    }
}

/// Returns a count with its noun, such as `1 task` or `10,000 tasks`.
pub(crate) fn count(count: u64, noun: &str) -> String {
    let digits = count.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{grouped} {noun}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_carry_their_unit() {
        let sizes = [
            0,
            1023,
            1024,
            1536,
            98_304,
            1_048_575,
            268_435_456,
            5 << 40,
            u64::MAX,
        ];
        let expected = [
            "0 B",
            "1023 B",
            "1.0 KiB",
            "1.5 KiB",
            "96.0 KiB",
            "1.0 MiB",
            "256.0 MiB",
            "5.0 TiB",
            "16777216.0 TiB",
        ];
        assert_eq!(sizes.map(bytes), expected);
    }

    #[test]
    fn times_carry_their_unit() {
        let millis = [
            0.0,
            0.25,
            1.0,
            999.4,
            999.6,
            3_240.0,
            59_960.0,
            65_400.0,
            3_600_000.0,
            7_380_000.0,
        ];
        let expected = [
            "0 µs",
            "250 µs",
            "1 ms",
            "999 ms",
            "1.0 s",
            "3.2 s",
            "1 min 00 s",
            "1 min 05 s",
            "1 h 00 min",
            "2 h 03 min",
        ];
        assert_eq!(
            millis.map(|millis| time(Duration::from_secs_f64(millis / 1e3))),
            expected
        );
    }

    #[test]
    fn counts_agree_with_their_noun() {
        assert_eq!(
            [0, 1, 999, 10_000, 1_234_567].map(|n| count(n, "task")),
            [
                "0 tasks",
                "1 task",
                "999 tasks",
                "10,000 tasks",
                "1,234,567 tasks"
            ]
        );
    }
}
