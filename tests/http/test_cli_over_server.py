"""
The command line's own tests once more, with the jobs on a server: what they expect is the same.

Left out is what a supervisor's settings or the caller's environment are a part of, and what
`test_same_answers` compares for all verbs at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ..cli import test_answers, test_exit_codes, test_list, test_logs, test_run
from ..cli.conftest import Cli
from .conftest import Service

pytestmark = pytest.mark.slow  # what is printed is the same under any Python

TESTS = (
    test_answers.test_a_broken_pipe_is_quiet,
    test_answers.test_a_name_that_is_no_utf8_is_refused_in_clean_json,
    test_answers.test_a_result_as_text_is_what_was_printed,
    test_answers.test_any_text_survives_the_json,
    test_answers.test_ids_come_from_stdin,
    test_answers.test_several_jobs_come_as_items,
    test_answers.test_submit_as_text_prints_the_id_alone,
    test_answers.test_submit_prints_the_descriptor,
    test_answers.test_text_never_steers_a_terminal,
    test_exit_codes.test_a_cancelled_job_is_8,
    test_exit_codes.test_a_job_that_runs_is_3,
    test_exit_codes.test_a_job_that_runs_is_not_deleted,
    test_exit_codes.test_each_fate_has_its_code,
    test_exit_codes.test_several_jobs_have_one_code,
    test_exit_codes.test_wrong_usage_is_2,
    test_list.test_a_job_that_runs_is_not_retried,
    test_list.test_any_of_several_is_waited_for,
    test_list.test_jobs_are_found_by_what_they_are,
    test_list.test_old_jobs_are_removed_by_age,
    test_list.test_pages_follow_each_other,
    test_list.test_the_table_is_as_it_was,
    test_logs.test_a_piece_as_json_says_where_the_next_begins,
    test_logs.test_all_of_much_is_given,
    test_logs.test_each_attempt_has_what_it_printed,
    test_logs.test_each_stream_goes_to_its_own,
    test_logs.test_following_ends_with_the_job,
    test_logs.test_following_goes_on_to_the_next_attempt,
    test_logs.test_following_keeps_up_with_much,
    test_logs.test_following_outlives_the_supervisor,
    test_logs.test_the_tail_of_much_is_found,
    test_logs.test_what_was_discarded_is_passed_over,
    test_run.test_an_envelope_comes_only_when_asked_for,
    test_run.test_an_interrupt_detaches,
    test_run.test_ending_the_caller_ends_no_job,
    test_run.test_leftovers_are_not_waited_for,
    test_run.test_output_passes_through_byte_for_byte,
    test_run.test_stdin_is_passed_on,
    test_run.test_ten_thousand_lines_a_second_arrive_whole,
    test_run.test_what_children_print_after_the_end_is_shown,
)
globals().update({test.__name__: test for test in TESTS})


@pytest.fixture
def cli(service: Service, tmp_path: Path) -> Iterator[Cli]:
    """The command line of somebody who has nothing but a server's address and token."""
    folder = tmp_path / "here"
    folder.mkdir()
    cli = Cli(service.home, folder)  # where a test looks for what became of a job
    cli.env = {
        "OUTLAST_SERVER": service.url,
        "OUTLAST_TOKEN": (service.home / "token").read_text().strip(),
    }
    yield cli
    for process in cli.open:
        process.kill()
        process.communicate()
