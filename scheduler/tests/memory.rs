//! Laws of the memory broker, whatever is asked of it in whatever order.

mod proptests;

use proptest::prelude::*;
use scheduler::memory::{Broker, Pool, Shares};

#[derive(Clone, Debug)]
enum Step {
    Grow(Pool, u64),
    Settle(Pool, u64),
}

fn pool() -> impl Strategy<Value = Pool> {
    prop::sample::select(&Pool::ALL)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (pool(), 0..400u64).prop_map(|(pool, bytes)| Step::Grow(pool, bytes)),
        1 => (pool(), 0..200u64).prop_map(|(pool, bytes)| Step::Settle(pool, bytes)),
    ]
}

proptest! {
    #![proptest_config(proptests::config(500))]

    /// The sum never exceeds the whole, what a pool has is never taken but what it borrowed, and a pool always gets its
    /// share, but for what transfers have borrowed: those end.
    #[test]
    fn shares_are_safe_and_the_whole_is_never_exceeded(
        shares in (0..100u64, 0..100u64, 0..100u64),
        steps in prop::collection::vec(step(), 0..60),
    ) {
        let (blocks, images, transfers) = shares;
        let shares = Shares { task: 0, blocks, images, transfers };
        let whole = blocks + images + transfers;
        let mut broker = Broker::new(&shares);
        for step in steps {
            let before = Pool::ALL.map(|pool| broker.lease(pool));
            match step {
                Step::Grow(pool, wanted) => {
                    let limit = broker.grow(pool, wanted, |_, bytes| bytes);
                    prop_assert_eq!(limit, broker.lease(pool).limit);
                    prop_assert!(limit >= before[pool as usize].limit);
                    prop_assert!(limit <= wanted.max(before[pool as usize].limit));
                    let transfers = broker.lease(Pool::Transfers);
                    let late = transfers.limit.saturating_sub(transfers.share);
                    let share = broker.lease(pool).share;
                    prop_assert!(limit + late >= wanted.min(share));
                }
                Step::Settle(pool, held) => broker.settle(pool, held),
            }
            let leases = Pool::ALL.map(|pool| broker.lease(pool));
            let sum: u64 = leases.iter().map(|lease| lease.limit).sum();
            prop_assert_eq!(sum + broker.free(), whole);
            if let Step::Grow(grown, _) = step {
                for (pool, (now, then)) in Pool::ALL.iter().zip(leases.iter().zip(before)) {
                    prop_assert!(*pool == grown || now.limit >= then.limit.min(then.share));
                }
            }
        }
    }
}
