//! Two links and a network between them that does what it likes.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

/// Which of the two.
type Side = usize;

/// Two processes, each with a link to the other, and what is under way between them.
struct Pair {
    now: Time,
    links: [Link<u32>; 2],
    /// For each side, what travels to it.
    to: [VecDeque<Packet<u32>>; 2],
    /// For each side, what its process was told: a message, or none where it was disconnected.
    told: [Vec<Option<u32>>; 2],
    said: [u32; 2],
    /// How often a side was restarted.
    lives: u64,
}

impl Pair {
    fn new() -> Self {
        Self {
            now: Time::START,
            links: [
                Link::new(Config::default(), 1),
                Link::new(Config::default(), 2),
            ],
            to: Default::default(),
            told: Default::default(),
            said: [0; 2],
            lives: 2,
        }
    }

    fn handle(&mut self, side: Side, input: Input<u32>) {
        let mut out = Vec::new();
        self.links[side].handle(self.now, input, &mut out);
        for action in out {
            match action {
                Action::Transmit(packet) => self.to[1 - side].push_back(packet),
                Action::Deliver(message) => self.told[side].push(Some(message)),
                Action::TellClosed(_) => self.told[side].push(None),
            }
        }
    }

    fn say(&mut self, side: Side) {
        let message = self.said[side];
        self.said[side] += 1;
        self.handle(side, Input::Said(message));
    }

    /// Delivers the packet at this place of what travels to a side.
    fn arrive(&mut self, side: Side, at: usize, twice: bool) {
        let len = self.to[side].len();
        if len == 0 {
            return;
        }
        let packet = if twice {
            self.to[side].get(at % len).cloned()
        } else {
            self.to[side].remove(at % len)
        };
        if let Some(packet) = packet {
            self.handle(side, Input::Received(packet));
        }
    }

    fn arrive_all(&mut self) {
        while self.to.iter().any(|packets| !packets.is_empty()) {
            self.arrive(0, 0, false);
            self.arrive(1, 0, false);
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
        for side in [0, 1] {
            let due = self.links[side].next_deadline();
            if due.is_some_and(|due| due <= self.now) {
                self.handle(side, Input::DeadlineReached);
            }
        }
    }

    /// The process is gone without a word, and another one listens at its address.
    fn restart(&mut self, side: Side) {
        self.lives += 1;
        self.links[side] = Link::new(Config::default(), self.lives);
        self.told[side].push(None);
    }

    /// Nothing goes wrong for as long as it takes.
    fn heal(&mut self) {
        for _ in 0..400 {
            self.arrive_all();
            self.pass(Duration::from_millis(100));
        }
    }

    fn heard(&self, side: Side) -> Vec<u32> {
        self.told[side].iter().copied().flatten().collect()
    }
}

#[test]
fn messages_arrive_both_ways() {
    let mut pair = Pair::new();
    for _ in 0..1_000 {
        pair.say(0);
        pair.say(1);
    }
    pair.heal();
    assert_eq!(pair.heard(0), (0..1_000).collect::<Vec<_>>());
    assert_eq!(pair.heard(1), (0..1_000).collect::<Vec<_>>());
    assert_eq!(pair.links[0].waiting() + pair.links[1].waiting(), 0);
}

#[test]
fn an_idle_session_stays_open() {
    let mut pair = Pair::new();
    pair.say(0);
    for _ in 0..4 {
        pair.heal();
    }
    assert!(pair.links.iter().all(Link::is_open));
    assert_eq!(pair.told, [vec![], vec![Some(0)]]);
}

#[test]
fn a_message_to_nobody_is_tried_again_and_given_up() {
    let mut pair = Pair::new();
    pair.say(0);
    let mut calls = 0;
    for _ in 0..300 {
        calls += pair.to[1].len();
        pair.to[1].clear();
        pair.pass(Duration::from_millis(100));
    }
    assert_eq!(pair.told[0], [None]);
    assert!((5..20).contains(&calls), "{calls} calls");
}

#[test]
fn where_nobody_listens_the_caller_is_told_at_once() {
    let mut pair = Pair::new();
    pair.say(0);
    let call = pair.to[1].pop_front().unwrap();
    pair.handle(0, Input::Received(call.refusal().unwrap()));
    assert_eq!(pair.told[0], [None]);
}

#[test]
fn old_packets_of_a_restarted_process_are_refused() {
    let mut pair = Pair::new();
    pair.say(0);
    pair.arrive_all();
    pair.say(0);
    let old = pair.to[1].pop_front().unwrap();
    pair.restart(0);
    pair.to[1].push_back(old);
    pair.arrive_all();
    // What it said before it died may still arrive, until it says something again.
    assert_eq!(pair.heard(1), [0, 1]);
    pair.say(0);
    pair.heal();
    assert_eq!(pair.told[1], [Some(0), Some(1), None, Some(2)]);
}

#[test]
fn an_old_call_neither_opens_nor_closes_anything() {
    let mut pair = Pair::new();
    pair.say(0);
    let call = pair.to[1][0].clone();
    pair.heal();
    pair.to[1].push_back(call.clone());
    pair.heal();
    assert_eq!(pair.told, [vec![], vec![Some(0)]]);
    pair.handle(0, Input::CloseAsked);
    pair.heal();
    pair.to[1].push_back(call);
    pair.heal();
    assert_eq!(pair.told, [vec![], vec![Some(0), None]]);
}

#[test]
fn what_is_said_to_an_old_caller_reaches_the_living_one() {
    let mut pair = Pair::new();
    pair.say(0);
    let call = pair.to[1].pop_front().unwrap();
    pair.restart(0);
    pair.handle(1, Input::Received(call));
    pair.say(1);
    pair.heal();
    assert_eq!(pair.heard(0), [0]);
}

#[test]
fn both_are_told_when_one_direction_is_cut() {
    let mut pair = Pair::new();
    pair.say(0);
    pair.arrive_all();
    for _ in 0..500 {
        pair.arrive(1, 0, false);
        pair.to[0].clear();
        pair.pass(Duration::from_millis(100));
    }
    assert_eq!(pair.told, [vec![None], vec![Some(0), None]]);
}

#[test]
fn a_peer_that_takes_nothing_in_ends_the_session() {
    let config = Config {
        queue_max: 3,
        ..Config::default()
    };
    let mut link = Link::new(config, 1);
    let mut out = Vec::new();
    for message in 0..4 {
        link.handle(Time::START, Input::Said(message), &mut out);
    }
    assert_eq!(out.last(), Some(&Action::TellClosed(Reason::QueueFull)));
}

#[derive(Clone, Debug)]
enum Step {
    Say(Side),
    Arrive(Side, usize),
    Twice(Side, usize),
    Lose(Side, usize),
    Pass(u64),
    Close(Side),
    Restart(Side),
}

fn step() -> impl Strategy<Value = Step> {
    let side = 0..2_usize;
    let at = any::<usize>();
    prop_oneof![
        6 => side.clone().prop_map(Step::Say),
        10 => (side.clone(), prop_oneof![Just(0), at]).prop_map(|(side, at)| Step::Arrive(side, at)),
        2 => (side.clone(), at).prop_map(|(side, at)| Step::Twice(side, at)),
        2 => (side.clone(), at).prop_map(|(side, at)| Step::Lose(side, at)),
        4 => (0..3_000_u64).prop_map(Step::Pass),
        1 => (8_000..40_000_u64).prop_map(Step::Pass),
        1 => side.clone().prop_map(Step::Close),
        1 => side.prop_map(Step::Restart),
    ]
}

impl Pair {
    fn step(&mut self, step: &Step) {
        match *step {
            Step::Say(side) => self.say(side),
            Step::Arrive(side, at) => self.arrive(side, at, false),
            Step::Twice(side, at) => self.arrive(side, at, true),
            Step::Lose(side, at) => {
                let len = self.to[side].len();
                self.to[side].remove(at % len.max(1));
            }
            Step::Pass(millis) => self.pass(Duration::from_millis(millis)),
            Step::Close(side) => {
                self.handle(side, Input::CloseAsked);
                self.told[side].push(None);
            }
            Step::Restart(side) => self.restart(side),
        }
    }

    /// What a side heard only ever goes up, and where it leaves something out it was disconnected.
    fn assert_in_order(&self, side: Side) {
        let (mut last, mut cut) = (None, true);
        for told in &self.told[side] {
            if let Some(number) = told {
                assert!(
                    last.is_none_or(|last| last < *number),
                    "{number} after {last:?}"
                );
                let next = last.map_or(0, |last| last + 1);
                assert!(
                    cut || *number == next,
                    "{number} after {last:?} in one session"
                );
                last = Some(*number);
            }
            cut = told.is_none() || (cut && last.is_none());
        }
    }
}

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: ProptestConfig::default().cases.max(2_000),
        rng_seed: proptest::test_runner::RngSeed::Fixed(1),
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn messages_arrive_in_order_and_once_or_both_are_told(
        steps in prop::collection::vec(step(), 0..200),
    ) {
        let mut pair = Pair::new();
        for step in &steps {
            pair.step(step);
        }
        pair.heal();
        pair.assert_in_order(0);
        pair.assert_in_order(1);
        // Whatever happened, they find together again.
        let before = [pair.heard(0).len(), pair.heard(1).len()];
        pair.say(0);
        pair.say(1);
        pair.heal();
        pair.say(0);
        pair.say(1);
        pair.heal();
        for side in [0, 1] {
            prop_assert!(pair.heard(side).len() > before[side]);
            prop_assert_eq!(pair.heard(side).last().copied(), Some(pair.said[1 - side] - 1));
        }
        pair.assert_in_order(0);
        pair.assert_in_order(1);
    }

    /// Packets that are lost, repeated and reordered, but not for long, are never noticed.
    #[test]
    fn a_bad_network_alone_loses_nothing(
        steps in prop::collection::vec(step(), 0..200),
    ) {
        let mut pair = Pair::new();
        for step in &steps {
            match step {
                Step::Close(_) | Step::Restart(_) | Step::Pass(3_000..) => {}
                Step::Pass(millis) => {
                    pair.pass(Duration::from_millis(millis / 20));
                }
                step => pair.step(step),
            }
        }
        pair.heal();
        for side in [0, 1] {
            prop_assert_eq!(pair.heard(side), (0..pair.said[1 - side]).collect::<Vec<_>>());
            prop_assert!(pair.told[side].iter().all(Option::is_some));
        }
    }
}
