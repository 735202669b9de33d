//! How many random cases are tried, and which.

use proptest::prelude::ProptestConfig;
use proptest::test_runner::RngSeed;

/// The same cases on every run, so that a red run is red again; `PROPTEST_RNG_SEED` and `PROPTEST_CASES` reach others.
pub(crate) fn config(cases: u32) -> ProptestConfig {
    let given = ProptestConfig::default();
    let rng_seed = match given.rng_seed {
        RngSeed::Random => RngSeed::Fixed(1),
        fixed @ RngSeed::Fixed(_) => fixed,
    };
    ProptestConfig {
        cases: given.cases.max(cases),
        rng_seed,
        // The seed says it all.
        failure_persistence: None,
        ..given
    }
}
