//! What may be asked for when, and whose room it is.

use scheduler::{Address, AttemptId};

use super::state::{Admitted, Next, Request, State, Wanted};
use crate::shuffle::remote::{Arrived, Broken, MapOutputName};

const ROOM: u64 = 1_000_000;

fn state(workers: &[&str]) -> State {
    let wanted = (0..).zip(workers).map(|(partition, worker)| {
        let attempt = AttemptId(u64::from(partition));
        Wanted::new(MapOutputName { partition, attempt }, Address::from(*worker))
    });
    State::new(wanted.collect(), ROOM, 5)
}

fn request(state: &mut State) -> Request {
    match state.next() {
        Next::Fetch(request) => request,
        other => panic!("{other:?}"),
    }
}

fn partitions(request: &Request) -> Vec<u32> {
    let names = request.outputs.iter().map(|output| output.name.partition);
    names.collect()
}

fn put(state: &mut State, output: &mut Admitted, bytes: usize) {
    state.put(output, Arrived::plain(vec![0; bytes]));
}

#[test]
fn a_request_asks_one_worker_for_what_is_needed_first() {
    let mut state = state(&["a", "b", "a", "b", "a", "a"]);
    // A fifth of the room is three first guesses.
    assert_eq!(partitions(&request(&mut state)), [0, 2, 4]);
    assert_eq!(partitions(&request(&mut state)), [1, 3]);
    assert_eq!(partitions(&request(&mut state)), [5]);
    assert!(matches!(state.next(), Next::Done));
}

#[test]
fn what_is_larger_than_guessed_waits_for_its_turn() {
    let mut state = state(&["a", "a", "a"]);
    let first = request(&mut state);
    let mut admitted = state.admit(first, &[600_000, 300_000, 300_000]);
    assert_eq!(admitted.len(), 2);
    assert_eq!(state.held_bytes(), 900_000);
    assert!(
        matches!(state.next(), Next::Wait),
        "it is known by now how long it is"
    );
    let mut output = admitted.remove(0);
    put(&mut state, &mut output, 599_988);
    state.end(output, Ok(()));
    assert_eq!(state.held_bytes(), 899_988, "a header is not held");
    state.need(0);
    assert_eq!(
        state.take(0).unwrap().unwrap().unwrap().held_bytes(),
        599_988
    );
    assert_eq!(partitions(&request(&mut state)), [2]);
}

#[test]
fn what_is_needed_comes_whatever_room_there_is() {
    let mut state = state(&["a", "b"]);
    let (first, second) = (request(&mut state), request(&mut state));
    let held = state.admit(second, &[ROOM]);
    assert!(held.is_empty(), "another request has room set aside");
    assert!(state.admit(first, &[u64::MAX]).is_empty());
    let second = match state.next() {
        Next::Wait => None,
        other => Some(other),
    };
    assert!(second.is_none(), "the first goes first");
    state.need(0);
    let first = request(&mut state);
    let mut output = state.admit(first, &[u64::MAX]).remove(0);
    assert!(output.is_streamed());
    for _ in 0..3 {
        assert!(!state.must_wait(&output, 600_000));
        put(&mut state, &mut output, 600_000);
        assert!(state.must_wait(&output, 600_000));
        assert_eq!(
            state.take(0).unwrap().unwrap().unwrap().held_bytes(),
            600_000
        );
    }
    state.end(output, Ok(()));
    assert_eq!(state.take(0), Some(Ok(None)));
    assert_eq!(state.held_bytes(), 0);
}

#[test]
fn an_output_that_moves_may_break_off_as_often_as_it_likes() {
    let mut state = state(&["a"]);
    for come in 0..10 {
        let asked = request(&mut state);
        let mut output = state.admit(asked, &[100]).remove(0);
        assert_eq!(output.skip, come);
        put(&mut state, &mut output, 5);
        state.end(output, Err(Broken::Cut("broke off".into())));
    }
    assert_eq!(state.held_bytes(), 50);
    for _ in 0..2 {
        let asked = request(&mut state);
        let output = state.admit(asked, &[100]).remove(0);
        state.end(output, Err(Broken::Cut("broke off".into())));
    }
    assert!(
        matches!(state.next(), Next::Done),
        "not if it does not move"
    );
    assert_eq!(state.held_bytes(), 50);
    for _ in 0..10 {
        assert!(matches!(state.take(0), Some(Ok(Some(_)))));
    }
    assert!(matches!(state.take(0), Some(Err(_))));
    assert_eq!(state.held_bytes(), 0);
}

#[test]
fn what_was_not_begun_goes_on_waiting() {
    let mut state = state(&["a", "a"]);
    let both = request(&mut state);
    let mut admitted = state.admit(both, &[100, 100]);
    let second = admitted.remove(1);
    state.end(admitted.remove(0), Err(Broken::Gone("is gone".into())));
    state.put_back(second);
    assert_eq!(state.held_bytes(), 0);
    assert_eq!(partitions(&request(&mut state)), [1]);
}

#[test]
fn what_is_refused_gives_its_room_back() {
    let mut state = state(&["a", "a"]);
    let both = request(&mut state);
    state.refuse(&both, "is not to be had");
    assert_eq!(state.held_bytes(), 0);
    for partition in [0, 1] {
        let reason = "is not to be had (fetched from a)".to_owned();
        assert_eq!(state.take(partition), Some(Err(reason)));
    }
}
