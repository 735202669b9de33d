//! Bits that turn over in shuffle files.

use std::fs;
use std::path::{Path, PathBuf};

/// All shuffle files below a folder, in order.
pub(crate) fn shuffle_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    for entry in entries {
        let path = entry.path();
        if entry.file_type().unwrap().is_dir() {
            found.extend(shuffle_files(&path));
        } else if path.extension().is_some_and(|end| end == "map") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Turns over one bit of each of these files: of its first bytes, which are records. (An index may be held, and not read again.)
pub(crate) fn flip_bits(files: &[PathBuf]) {
    for (number, path) in files.iter().enumerate() {
        let mut bytes = fs::read(path).unwrap();
        let bit = (number * 11 + 3) % 64;
        bytes[bit / 8] ^= 1 << (bit % 8);
        fs::write(path, bytes).unwrap();
    }
}
