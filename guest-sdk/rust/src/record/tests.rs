//! Every record comes back as it was, and no bytes can do harm.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::fmt::Debug;
use std::rc::Rc;

use super::*;
use crate::{Random, Text};

fn returns<T: Record + PartialEq + Debug>(value: T) {
    let bytes = to_bytes(&value);
    assert!(bytes.len() >= T::MIN_WIDTH, "{value:?}");
    assert_eq!(from_bytes::<T>(&bytes).as_ref(), Ok(&value));
    for length in 0..bytes.len() {
        assert!(
            from_bytes::<T>(&bytes[..length]).is_err(),
            "{value:?} cut to {length} of {}",
            bytes.len()
        );
    }
}

#[test]
fn every_nan_is_the_canonical_one() {
    let nans = [0x7ff0_0000_0000_0001, 0xfff8_0000_0000_0000, u64::MAX].map(f64::from_bits);
    let nan = 0x7ff8_0000_0000_0000u64.to_le_bytes();
    assert!(nans.iter().all(|other| to_bytes(other) == nan));
    assert_eq!(to_bytes(&nans), nan.repeat(3));
    assert_eq!(to_bytes(&nans.to_vec())[1..], nan.repeat(3));
    let nans = [0x7f80_0001, 0xffc0_0000, u32::MAX].map(f32::from_bits);
    let nan = 0x7fc0_0000u32.to_le_bytes();
    assert!(nans.iter().all(|other| to_bytes(other) == nan));
    assert_eq!(to_bytes(&nans), nan.repeat(3));
    // What is none stays, down to the sign of zero.
    let others = [-0.0, f64::INFINITY, f64::NEG_INFINITY, f64::from_bits(1)];
    assert_eq!(
        to_bytes(&others),
        others.map(f64::to_le_bytes).as_flattened()
    );
}

#[test]
fn every_record_comes_back_and_no_cut_one_does() {
    returns((
        0u8,
        -1i8,
        u16::MAX,
        i16::MIN,
        7u32,
        -7i32,
        u64::MAX,
        i64::MIN,
    ));
    returns((
        u128::MAX,
        i128::MIN,
        usize::MAX,
        isize::MIN,
        1.5f32,
        f64::MIN_POSITIVE,
        true,
        'ß',
    ));
    returns((
        String::from("spark"),
        Text::from("tinder"),
        Box::new(1u8),
        Rc::new(2u8),
        Reverse(3u8),
    ));
    returns((
        vec![1u64, 2, 3],
        vec![String::new(), "a".into()],
        [[1u16; 3]; 2],
        [String::from("x"), "yy".into()],
    ));
    returns((
        Some(1u8),
        None::<u8>,
        Ok::<u8, String>(1),
        Err::<u8, String>("no".into()),
    ));
    returns((
        BTreeMap::from([(1u8, 'a')]),
        HashMap::<u8, u8>::from([(1, 2)]),
        BTreeSet::from([3u32]),
    ));
    returns((
        HashSet::<u8>::from([4]),
        VecDeque::from([5u16, 6]),
        vec![[0.5f64; 8]; 3],
        vec![[[1u16, 2, 3], [4, 5, 6]]; 4],
        vec![[String::from("x"), "yy".into()]; 3],
    ));
    returns(vec![[0u8; 0]; 3]);
    returns(());
    returns(vec![(); 300]);
    returns(vec![vec![(1u32, vec![2u8])]; 200]);
}

#[test]
fn lengths_are_varints() {
    for (length, bytes) in [
        (0, vec![0]),
        (127, vec![127]),
        (128, vec![128, 1]),
        (300, vec![172, 2]),
    ] {
        let mut out = Vec::new();
        write_length(length, &mut out);
        assert_eq!(out, bytes);
        assert_eq!(Input::new(&out).length(), Ok(length));
    }
    assert!(Input::new(&[0xFF; 11]).length().is_err());
}

#[test]
fn a_length_that_cannot_be_is_refused_before_memory_is_taken() {
    let mut bytes = Vec::new();
    write_length(usize::MAX / 16, &mut bytes);
    bytes.extend([0; 64]);
    assert!(from_bytes::<Vec<u64>>(&bytes).is_err());
    assert!(from_bytes::<Vec<String>>(&bytes).is_err());
    assert!(from_bytes::<Vec<[u128; 64]>>(&bytes).is_err());
    assert!(from_bytes::<String>(&bytes).is_err());
    assert!(from_bytes::<BTreeMap<u64, u64>>(&bytes).is_err());
}

#[test]
fn values_that_are_none_are_refused() {
    assert!(from_bytes::<bool>(&[2]).is_err());
    assert!(from_bytes::<char>(&0xD800u32.to_le_bytes()).is_err());
    assert!(from_bytes::<String>(&[1, 0xFF]).is_err());
    assert!(from_bytes::<u8>(&[1, 2]).is_err(), "bytes are left");
}

#[test]
fn random_bytes_never_panic() {
    type Anything = Vec<(
        String,
        Option<Vec<u64>>,
        Result<[f32; 3], Text>,
        BTreeMap<u8, char>,
    )>;
    let mut random = Random::new(1);
    for _ in 0..20_000 {
        let length = random.next_below(40);
        let bytes: Vec<u8> = (0..length)
            .map(|_| random.next_u64().to_le_bytes()[0] >> (random.next_u64() % 8))
            .collect();
        if let Ok(value) = from_bytes::<Anything>(&bytes) {
            assert_eq!(
                from_bytes::<Anything>(&to_bytes(&value)).map(|again| again.len()),
                Ok(value.len())
            );
        }
    }
}
