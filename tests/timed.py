"""Which tests are slow because of what they train: how many members of each run in the timed suite."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pytest

TIMED_MEMBERS = {
    "tests/authors/test_check.py::test_a_plugin_that_imports_torch_is_told": 0,
    "tests/authors/test_check.py::test_the_command_says_each_check_and_ends_with_1_where_one_fails": 0,
    "tests/authors/test_conformance.py::test_a_built_in_component_keeps_its_promise": 60,
    "tests/cards/test_card.py::test_a_card_of_a_thousand_results_holds_them_all": 0,
    "tests/cards/test_choose.py::test_run_card_and_compare_state_one_floor_after_the_probe_was_changed": 0,
    "tests/cards/test_written.py::test_what_is_typed_in_another_way_of_writing_is_the_stored_run": 1,
    "tests/catalog/test_files.py::test_a_file_is_trained_once_until_what_it_does_changes": 0,
    "tests/catalog/test_files.py::test_a_stored_run_without_code_runs_again_to_the_same_scores": 0,
    "tests/catalog/test_files.py::test_code_that_a_store_names_is_run_only_with_allow_code_and_as_it_was": 0,
    "tests/catalog/test_shadows.py::test_a_run_is_what_it_was_beside_such_a_plugin_on_the_path": 0,
    "tests/cli/test_bad_input.py::test_a_spoilt_run_ends_with_1_is_left_alone_and_can_be_forced": 1,
    "tests/cli/test_cli_card.py::test_compare_refuses_items_that_were_changed": 0,
    "tests/cli/test_cli_card.py::test_run_takes_what_run_takes_and_ends_with_1_where_something_failed": 0,
    "tests/cli/test_cli_card.py::test_run_without_names_runs_what_the_store_holds_or_says_what_to_name": 0,
    "tests/cli/test_cli_list.py::test_help_ends_with_an_example": 2,
    "tests/cli/test_cli_list.py::test_show_says_all_about_a_probe": 0,
    "tests/cli/test_cli_run.py::test_a_grid_claims_no_order_where_noise_was_not_measured": 0,
    "tests/cli/test_cli_run.py::test_a_result_of_another_environment_is_shown_and_the_difference_said": 0,
    "tests/cli/test_cli_run.py::test_the_store_is_probekit_home_where_none_is_typed": 0,
    "tests/cli/test_cli_store.py::test_status_counts_all_and_lists_what_is_not_done": 0,
    "tests/cli/test_cli_store.py::test_what_cannot_be_meant_is_refused": 1,
    "tests/cli/test_small.py::test_a_file_s_name_with_any_sign_can_be_quoted": 2,
    "tests/cli/test_small.py::test_the_example_of_one_run_prints_every_metric_at_smoke": 0,
    "tests/cli/test_startup.py::test_the_help_of_a_command_imports_nothing_heavy": 4,
    "tests/evidence/test_certify.py::test_a_filter_without_one_of_its_rules_is_caught_and_a_counterexample_drawn": 1,
    "tests/evidence/test_certify.py::test_the_controls_that_lack_the_property_stay_in_the_lowest_quarter": 0,
    "tests/evidence/test_reproduce.py::test_a_margin_that_is_no_number_is_judged_to_be_none": 1,
    "tests/evidence/test_verdict.py::test_smoke_is_undecided_and_claims_no_order": 0,
    "tests/pages/test_hues.py::test_costs_have_the_colours_of_their_column_and_repeat_none": 0,
    "tests/plans/test_budget.py::test_no_admissible_width_is_nearer": 1,
    "tests/plans/test_plan.py::test_noise_is_stated_only_where_it_was_measured": 0,
    "tests/plans/test_study.py::test_a_study_excludes_what_it_says_itself": 0,
    "tests/plans/test_study.py::test_a_thousand_files_are_read_or_refused_in_a_sentence": 0,
    "tests/plugins/test_costs.py::test_the_line_about_a_layer_says_how_its_operations_grow_with_positions": 6,
    "tests/plugins/test_executors.py::test_a_queue_refuses_a_store_that_other_machines_do_not_see": 0,
    "tests/plugins/test_executors.py::test_an_executor_whose_library_is_missing_says_what_to_install": 1,
    "tests/plugins/test_packages.py::test_mamba_is_that_of_transformers_but_for_its_short_convolution": 1,
    "tests/plugins/test_pretrained.py::test_it_runs_without_training_and_stores_the_weights_it_came_with": 0,
    "tests/plugins/test_published_counts.py::test_every_layer_trains_in_every_structure_with_every_encoding_it_takes": 30,
    "tests/plugins/test_ranges.py::test_a_number_at_the_end_of_its_range_can_be_planned": 28,
    "tests/plugins/test_ranges.py::test_a_number_beyond_is_refused_in_a_sentence": 81,
    "tests/plugins/test_trainer.py::test_gone_on_with_rows_and_weights_are_those_of_one_sitting": 1,
    "tests/probes/test_certified.py::test_a_certificate_is_of_the_installed_probe_and_passed": 6,
    "tests/probes/test_certified.py::test_the_controls_of_a_certificate_replay": 0,
    "tests/probes/test_insideness.py::test_a_table_of_patches_is_at_the_floor": 0,
    "tests/probes/test_nonlocality_laws.py::test_where_balanced_the_middle_says_nothing_of_the_level": 3,
    "tests/probes/test_nonlocality_theorem.py::test_every_scene_is_certified_its_lines_lie_apart_and_the_oracle_is_exact": 22,
    "tests/probes/test_published.py::test_a_row_can_be_planned_at_the_paper_s_width_and_at_the_quick_scale": 9,
    "tests/probes/test_sequences.py::test_the_oracle_solves_every_split_from_the_input_alone": 7,
    "tests/probes/test_translation.py::test_a_run_learns_the_middle_and_is_scored_everywhere": 0,
    "tests/runs/test_changes.py::test_a_change_is_seen_where_it_matters_and_nowhere_else": 8,
    "tests/runs/test_denormals.py::test_all_threads_take_them_as_zero_or_none_and_those_of_others_stay_as_they_were": 1,
    "tests/runs/test_denormals.py::test_our_own_processes_start_their_threads_so": 0,
    "tests/runs/test_endings.py::test_a_layer_that_leaves_python_does_not_end_the_grid_and_the_exit_code_is_1": 0,
    "tests/runs/test_endings.py::test_a_run_that_takes_longer_than_it_may_fails_keeps_its_checkpoint_and_goes_on": 0,
    "tests/runs/test_engine.py::test_observers_see_every_row_and_one_that_raises_stops_nothing": 0,
    "tests/runs/test_front.py::test_a_text_is_run_once_and_then_taken_from_the_store": 0,
    "tests/runs/test_front.py::test_any_callable_that_builds_a_module_is_a_structure": 2,
    "tests/runs/test_kept.py::test_a_layer_that_draws_from_any_generator_resumes_bit_by_bit": 0,
    "tests/runs/test_process.py::test_a_run_ends_with_0_though_its_layer_left": 0,
    "tests/runs/test_replay.py::test_a_replay_says_the_first_number_that_differs": 3,
    "tests/schedule/test_schedule.py::test_every_executor_yields_the_same_events": 0,
    "tests/schedule/test_workers.py::test_an_executor_that_cannot_be_meant_is_refused": 1,
    "tests/scores/test_along.py::test_a_run_stores_its_curve_and_a_card_has_it": 0,
    "tests/scores/test_pictures_alone.py::test_what_a_plugin_leaves_changes_no_picture": 1,
    "tests/storage/test_care.py::test_a_merge_copies_what_is_missing_once_and_both_stores_stay_whole": 0,
    "tests/storage/test_care.py::test_a_run_with_other_weights_comes_beside_and_one_that_is_held_or_broken_stays": 0,
    "tests/storage/test_care.py::test_an_unfinished_run_gives_way_to_one_that_is_done": 0,
    "tests/storage/test_care.py::test_what_is_left_over_is_drafts_copies_and_runs_that_were_replaced": 0,
    "tests/storage/test_drafts.py::test_a_run_trained_where_a_draft_lies_is_the_same_run": 0,
    "tests/storage/test_drafts.py::test_no_command_takes_a_draft_for_a_run": 1,
    "tests/storage/test_merges.py::test_a_busy_run_is_waited_for": 0,
    "tests/storage/test_merges.py::test_a_merge_reads_from_a_store_that_cannot_be_written": 1,
    "tests/storage/test_merges.py::test_a_run_at_work_in_a_store_that_cannot_be_written_is_named": 0,
    "tests/storage/test_merges.py::test_two_merges_at_once_bring_each_run_once": 0,
    "tests/storage/test_names.py::test_a_grid_trains_once_and_reports_each_name": 0,
    "tests/storage/test_names.py::test_two_folders_of_one_run_made_under_two_names_are_one_row": 0,
    "tests/storage/test_refusals.py::test_a_store_that_is_deleted_during_a_run_ends_it_with_1_and_a_sentence": 0,
    "tests/storage/test_refusals.py::test_little_memory_is_enough_for_a_small_file": 0,
    "tests/storage/test_refusals.py::test_memory_that_does_not_suffice_is_said": 1,
    "tests/storage/test_resume.py::test_a_run_stopped_anywhere_ends_as_if_it_had_not_been": 0,
    "tests/storage/test_resume.py::test_a_spoilt_checkpoint_is_named_and_force_runs_beside_it": 1,
    "tests/storage/test_resume.py::test_steps_taken_before_the_checkpoint_are_not_taken_again": 0,
    "tests/storage/test_specs.py::test_a_finished_run_is_served_by_its_result_and_never_run_as_another": 1,
    "tests/storage/test_specs.py::test_an_unfinished_run_is_refused_and_begun_anew_beside_it_when_asked": 1,
    "tests/storage/test_store.py::test_a_full_disk_is_named_and_leaves_what_was_there": 0,
    "tests/test_api.py::test_all_are_said_in_a_line_and_drawn_as_text_in_a_notebook": 0,
    "tests/test_examples.py::test_an_example_keeps_the_promises_of_its_kind": 1,
    "tests/test_readme.py::test_every_command_shown_runs": 2,
    "tests/test_readme.py::test_plugin_of_ten_lines_is_listed_and_passes_the_test_shown": 0,
    "tests/test_readme.py::test_probe_shown_keeps_its_promises_and_is_run": 0,
    "tests/test_readme.py::test_python_snippet_runs": 0,
}
"""By the test: how many of its first members take part; `pytest -m slow` runs the others."""


def mark_slow_members(items: Iterable[pytest.Item]) -> None:
    """Mark the members of a test beyond those that the timed suite runs."""
    members: Counter[str] = Counter()
    for item in items:
        name = item.nodeid.partition("[")[0]
        members[name] += 1
        if name in TIMED_MEMBERS and members[name] > TIMED_MEMBERS[name]:
            item.add_marker(pytest.mark.slow)
