//! Spark's lessons are ours: each name of its scheduler and deploy tests has a row in `lessons/<suite>.md`, with the
//! tests here that cover it, or why there are none.
//!
//! Here the tables are checked against the tests that exist. `cargo test -p scheduler --test lessons -- --nocapture`
//! prints how many scenarios of each suite are ours.

mod table;

use std::collections::BTreeSet;

use table::{Here, Table};

/// The suites, and how many names each has.
const SUITES: &[(&str, usize)] = &[
    ("AppClientSuite", 3),
    ("BarrierStageOnSubmittedSuite", 15),
    ("BarrierTaskContextSuite", 13),
    ("BlockManagerDecommissionIntegrationSuite", 6),
    ("BlockManagerDecommissionUnitSuite", 9),
    ("CoarseGrainedExecutorBackendSuite", 16),
    ("CoarseGrainedSchedulerBackendSuite", 8),
    ("DAGSchedulerSuite", 176),
    ("DecommissionWorkerSuite", 4),
    ("DistributedSuite", 19),
    ("DriverRunnerTest", 9),
    ("EventLoggingListenerSuite", 7),
    ("ExecutorAllocationManagerSuite", 37),
    ("ExecutorMonitorSuite", 14),
    ("ExecutorRunnerTest", 1),
    ("ExecutorSuite", 15),
    ("FailureSuite", 12),
    ("FallbackStorageSuite", 7),
    ("FaultToleranceTest", 7),
    ("HealthTrackerIntegrationSuite", 4),
    ("HealthTrackerSuite", 13),
    ("HeartbeatReceiverSuite", 8),
    ("JobCancellationSuite", 12),
    ("MapOutputTrackerSuite", 27),
    ("MasterDecommisionSuite", 4),
    ("MasterSuite", 35),
    ("MasterWebUISuite", 4),
    ("OutputCommitCoordinatorIntegrationSuite", 1),
    ("OutputCommitCoordinatorSuite", 7),
    ("PersistenceEngineSuite", 2),
    ("PoolSuite", 12),
    ("RecoverySuite", 14),
    ("ReplayListenerSuite", 5),
    ("RpcEnvSuite", 36),
    ("SchedulerIntegrationSuite", 5),
    ("SecurityManagerSuite", 17),
    ("ShuffleBlockFetcherIteratorSuite", 40),
    ("ShuffleSuite", 19),
    ("StandaloneDynamicAllocationSuite", 11),
    ("StandaloneRestSubmitSuite", 19),
    ("TaskResultGetterSuite", 8),
    ("TaskSchedulerImplSuite", 53),
    ("TaskSetExcludelistSuite", 3),
    ("TaskSetManagerSuite", 61),
    ("WorkerDecommissionExtendedSuite", 2),
    ("WorkerDecommissionSuite", 2),
    ("WorkerSelectionSuite", 1),
    ("WorkerSuite", 15),
    ("WorkerWatcherSuite", 2),
];

/// How many tests the tables together name at least.
const TESTS_MIN: usize = 300;

#[test]
fn every_suite_has_its_table() {
    let tables = table::all();
    for (suite, _) in SUITES {
        let there = tables.iter().any(|table| table.suite == *suite);
        assert!(there, "{suite} has no table in tests/lessons");
    }
    for Table { suite, .. } in &tables {
        let known = SUITES.iter().any(|(known, _)| known == suite);
        assert!(known, "{suite} is no suite of Spark's that is known here");
    }
}

#[test]
fn every_row_names_a_test_or_says_why_not() {
    for Table { suite, rows, .. } in table::all() {
        for row in rows {
            if let Here::Unclear(words) = row.here {
                panic!(
                    "{suite}, `{}`: `{words}` is neither a test, `n/a: reason` nor `later: title`",
                    row.scenario
                );
            }
        }
    }
}

#[test]
fn every_named_test_exists() {
    let tests = table::tests();
    for Table { suite, rows, .. } in table::all() {
        for row in rows {
            for test in row.here.tests() {
                assert!(
                    tests.contains(test),
                    "{suite}, `{}`: there is no test `{test}`",
                    row.scenario
                );
            }
        }
    }
}

#[test]
fn no_two_rows_are_equal() {
    for Table { suite, rows, .. } in table::all() {
        let mut scenarios = BTreeSet::new();
        for row in rows {
            assert!(
                scenarios.insert(row.scenario.clone()),
                "{suite} has two rows `{}`",
                row.scenario
            );
        }
    }
}

#[test]
fn every_table_is_complete() {
    for table in table::all() {
        let known = SUITES.iter().find(|(suite, _)| *suite == table.suite);
        let count = known.map_or(0, |(_, count)| *count);
        let suite = &table.suite;
        assert_eq!(table.rows.len(), count, "rows of {suite}");
        assert_eq!(table.count.unwrap_or(count), count, "heading of {suite}");
    }
}

#[test]
#[expect(
    clippy::disallowed_macros,
    reason = "the overview is for whoever runs this test"
)]
fn hundreds_of_scenarios_are_ours() {
    let (mut tests, mut sums) = (BTreeSet::new(), [0; 3]);
    println!("{:44}{:>6}{:>6}{:>6}", "suite", "ours", "n/a", "later");
    for Table { suite, rows, .. } in table::all() {
        let mut counts = [0; 3];
        for row in &rows {
            counts[row.here.column()] += 1;
            tests.extend(row.here.tests().iter().cloned());
        }
        let [ours, not, later] = counts;
        println!("{suite:44}{ours:>6}{not:>6}{later:>6}");
        sums.iter_mut()
            .zip(counts)
            .for_each(|(sum, count)| *sum += count);
    }
    let [ours, not, later] = sums;
    println!("{:44}{ours:>6}{not:>6}{later:>6}", "all");
    println!("{} tests", tests.len());
    assert!(
        tests.len() >= TESTS_MIN,
        "the tables name {} tests, fewer than {TESTS_MIN}",
        tests.len()
    );
}
