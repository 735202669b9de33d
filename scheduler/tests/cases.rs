//! Scripts: inputs in, trace out. Each file in `cases/` is one scenario, most of them named after Spark's.
//!
//! A line that begins at the margin is an input, an indented one is what came of it. `UPDATE=1 cargo test -p
//! scheduler --test cases` writes the traces anew; read the difference before keeping it.

mod script;

macro_rules! cases {
    ($($(#[$doc:meta])* $name:ident)*) => {
        $(
            $(#[$doc])*
            #[test]
            fn $name() {
                script::check(stringify!($name));
            }
        )*

        #[test]
        fn every_script_is_run() {
            script::check_all_are_listed(&[$(stringify!($name)),*]);
        }
    };
}

cases! {
    a_cancelled_jobs_image_is_kept_until_its_last_attempt_has_ended
    a_deterministic_failure_ends_the_job_at_the_second_attempt
    a_job_over_one_side_of_a_union_computes_that_side_alone
    a_job_that_joins_a_waiting_stage_keeps_what_it_waits_for
    a_job_that_makes_no_sense_is_refused
    a_killed_attempts_result_is_ignored
    a_shuffle_is_recomputed_from_the_image_it_first_ran_with
    a_task_that_runs_too_long_is_killed_and_tried_again
    a_zombie_completes_a_stage_whose_own_tasks_all_wait
    an_executor_without_room_waits
    cached_post_shuffle
    commit_is_given_to_the_first_that_asks
    commit_is_given_up_by_a_failed_attempt
    dropped_blocks_are_computed_again
    early_job_goes_first
    failure_of_stage_used_by_two_jobs
    failures_in_different_stages_do_not_abort
    fifo_serves_the_earlier_stage_first
    ignore_late_map_task_completions
    killed_tasks_do_not_count_as_failures
    late_fetch_failures_do_not_cause_concurrent_attempts
    lists_and_spans_lead_to_the_right_parents
    multiple_consecutive_fetch_failures_abort_the_job
    non_consecutive_stage_failures_do_not_abort
    parent_stage_has_the_lower_number
    recursive_shuffle_failures
    released_datasets_take_their_shuffles_and_blocks_along
    results_larger_than_allowed_fail_the_job
    run_shuffle_with_map_stage_failure
    run_trivial_job
    run_trivial_job_with_dependency
    run_trivial_shuffle
    run_trivial_shuffle_with_executor_failure_and_retry
    run_trivial_shuffle_with_fetch_failure
    shuffle_files_are_kept_when_an_executor_is_lost
    shuffle_files_are_lost_with_their_worker
    skipped_stage_whose_outputs_exist
    stage_used_by_two_jobs_the_first_no_longer_active
    the_application_ends_in_the_middle
    trivial_job_cancellation
    trivial_job_failure
    trivial_shuffle_with_multiple_fetch_failures
    zero_partition_parent
    zero_split_job
    zombie_completions_update_the_running_attempt
}
