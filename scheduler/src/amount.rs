//! Amounts as people read them.

use std::fmt;

/// Bytes for people: `8 GiB`, `1.5 GiB`, `512 MiB`.
pub(crate) struct Bytes(pub(crate) u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(&str, u64); 4] = [
            ("TiB", 1 << 40),
            ("GiB", 1 << 30),
            ("MiB", 1 << 20),
            ("KiB", 1 << 10),
        ];
        let unit = UNITS.iter().find(|(_, bytes)| self.0 >= *bytes);
        let Some((name, bytes)) = unit else {
            return write!(f, "{} bytes", self.0);
        };
        let (whole, tenths) = (self.0 / bytes, self.0 % bytes * 10 / bytes);
        match tenths {
            0 => write!(f, "{whole} {name}"),
            _ => write!(f, "{whole}.{tenths} {name}"),
        }
    }
}

/// A number of things for people: `1 worker`, `16 workers`.
pub(crate) struct Count(pub(crate) u64, pub(crate) &'static str);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(count, what) = self;
        let plural = if *count == 1 { "" } else { "s" };
        write!(f, "{count} {what}{plural}")
    }
}

/// Cores for people: `1 core`, `16 cores`.
pub(crate) struct Cores(pub(crate) u64);

impl fmt::Display for Cores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Count(self.0, "core").fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_for_people() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (8 << 30, "8 GiB"),
            (3 << 29, "1.5 GiB"),
            (512 << 20, "512 MiB"),
            (u64::MAX, "16777215.9 TiB"),
        ] {
            assert_eq!(Bytes(bytes).to_string(), text);
        }
        assert_eq!(Cores(1).to_string(), "1 core");
        assert_eq!(Cores(2).to_string(), "2 cores");
    }
}
