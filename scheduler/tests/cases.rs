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
    a_closed_group_takes_no_more_jobs
    a_deterministic_failure_ends_the_job_at_the_second_attempt
    a_failed_fetch_from_afar_forgets_all_outputs_of_the_executor
    a_failed_fetch_from_afar_may_forget_all_outputs_of_the_machine
    a_fetch_failure_does_not_undo_what_another_attempt_computes
    a_job_does_not_end_while_its_commits_are_denied
    a_job_fails_after_four_attempts
    a_job_group_is_cancelled
    a_job_over_one_side_of_a_union_computes_that_side_alone
    a_job_that_joins_a_waiting_stage_keeps_what_it_waits_for
    a_job_that_makes_no_sense_is_refused
    a_killed_attempts_result_is_ignored
    a_map_stage_is_begun_no_more_often_than_allowed
    a_map_stage_job_ends_although_nothing_is_left_to_submit
    a_map_stage_job_keeps_its_shuffle
    a_map_stage_job_that_makes_no_sense_is_refused
    a_multi_stage_job_goes_through
    a_shuffle_is_recomputed_from_the_image_it_first_ran_with
    a_stage_waits_until_its_inputs_are_registered
    a_task_that_runs_too_long_is_killed_and_tried_again
    a_zombie_completes_a_stage_whose_own_tasks_all_wait
    after_an_aborted_stage_fetch_failures_are_still_survived
    all_jobs_are_cancelled_at_once
    all_shuffle_files_of_a_machine_are_forgotten_when_its_worker_is_lost
    an_attempt_that_failed_may_not_commit
    an_executor_without_room_waits
    blocks_are_removed_when_a_dataset_is_no_longer_stored
    cached_ancestors_spare_their_parents
    cached_post_shuffle
    cancelling_a_stage_cancels_the_jobs_that_need_it
    commit_is_given_to_the_first_that_asks
    commit_is_given_up_by_a_failed_attempt
    commits_go_with_their_stage
    commits_of_two_stage_attempts_are_told_apart
    dropped_blocks_are_computed_again
    early_job_goes_first
    extremely_late_fetch_failures_do_not_cause_concurrent_attempts
    failure_in_a_map_stage_job
    failure_in_a_two_stage_job
    failure_of_stage_used_by_two_jobs
    failures_in_different_stages_do_not_abort
    fetch_failure_in_a_reused_shuffle
    fetch_failures_from_a_decommissioned_executor_count_when_told_so
    fetch_failures_from_a_decommissioned_executor_do_not_count
    fifo_serves_the_earlier_stage_first
    ignore_late_map_task_completions
    jobs_with_a_tag_are_cancelled
    killed_tasks_do_not_count_as_failures
    late_completions_never_make_two_task_sets_active
    late_fetch_failures_do_not_cause_concurrent_attempts
    lists_and_spans_lead_to_the_right_parents
    map_stage_submission_with_a_reduce_stage_on_the_same_data
    map_stage_submission_with_executor_failure_and_late_completions
    map_stage_submission_with_fetch_failure
    map_stage_submission_with_shared_stages_and_failures
    multiple_consecutive_fetch_failures_abort_the_job
    no_duplicate_stages_are_created
    non_consecutive_stage_failures_do_not_abort
    only_the_failure_of_the_committer_gives_up_the_commit
    outputs_of_a_decommissioned_worker_are_made_again
    parent_stage_has_the_lower_number
    recover_from_repeated_executor_losses_during_the_map_stage
    recover_from_repeated_executor_losses_during_the_reduce_stage
    recursive_shuffle_failures
    reduce_tasks_run_where_their_map_outputs_are
    released_datasets_take_their_shuffles_and_blocks_along
    results_larger_than_allowed_fail_the_job
    results_of_resubmitted_tasks_are_accepted_once
    run_shuffle_with_map_stage_failure
    run_trivial_job
    run_trivial_job_with_dependency
    run_trivial_shuffle
    run_trivial_shuffle_with_executor_failure_and_retry
    run_trivial_shuffle_with_fetch_failure
    shuffle_files_are_kept_when_an_executor_is_lost
    shuffle_files_are_lost_with_their_worker
    shuffle_files_kept_elsewhere_survive_their_worker
    simple_map_stage_submission
    skipped_stage_whose_outputs_exist
    stage_attempts_are_bounded_where_failures_are_not_in_a_row
    stage_used_by_two_jobs_the_first_no_longer_active
    the_application_ends_in_the_middle
    trivial_job_cancellation
    trivial_job_failure
    trivial_shuffle_with_multiple_fetch_failures
    zero_partition_parent
    zero_split_job
    zombie_completions_update_the_running_attempt
}
