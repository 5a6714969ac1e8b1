"""Which tests hold what docs/promises.md promises: the first cell of each row of its first table, and their ids.

A new row of the page is an entry here; `tests/docs/test_promises.py` compares them.
"""

HELD_BY: dict[str, tuple[str, ...]] = {
    "Ctrl-C during the run": (
        "tests/deploy/test_interrupt.py::test_what_is_being_written_is_finished_and_nothing_further_is_begun",
        "tests/deploy/test_interrupt.py::test_a_wait_for_plane_ends_at_once_with_how_to_go_on",
    ),
    "Ctrl-C again, or before the run": (
        "tests/deploy/test_interrupt.py::test_a_second_one_ends_what_is_under_way",
        "tests/deploy/test_interrupt.py::test_while_nothing_was_changed_yet_it_ends_at_once",
    ),
    "the run is killed, or the connection drops, anywhere": (
        "tests/faults/test_crash.py::test_killed_around_any_request",
        "tests/faults/test_crash.py::test_killed_around_any_command_of_the_provisioning",
        "tests/faults/test_crash.py::test_killed_around_any_command_of_database_and_environment",
        "tests/faults/test_crash_settings.py::test_killed_around_any_request_that_makes_settings",
        "tests/faults/test_target_side.py::test_a_connection_that_drops_during_a_command_is_one_line",
    ),
    "a token was created and its value not saved": (
        "tests/deploy/test_tokens.py::test_a_token_that_a_run_made_and_did_not_save_is_revoked",
        "tests/faults/test_crash.py::test_killed_while_a_token_is_being_saved",
    ),
    "the passwords of several accounts are wrong": (
        "tests/deploy/test_takeover.py::test_all_wrong_passwords_are_named_at_once_before_anything_is_changed",
        "tests/deploy/test_takeover.py"
        "::test_wrong_passwords_of_accounts_outside_the_workspace_are_named_at_once_when_they_join",
    ),
    "a rotation is interrupted": (
        "tests/deploy/test_tokens.py::test_a_rotation_that_was_cut_off_is_done_again",
        "tests/faults/test_interrupted_rotation.py::test_a_rotation_killed_around_any_request_is_finished",
    ),
    "a rotation is interrupted while tokens are handed on, or while it waits (`plane_token_grace`)": (
        "tests/deploy/test_token_consumers.py::test_ctrl_c_while_a_rotation_waits_is_finished_by_the_next_run",
        "tests/faults/test_interrupted_rotation.py"
        "::test_a_rotation_that_hands_tokens_on_killed_around_any_request_is_finished",
    ),
    "a token is rotated while agents work": (
        "tests/deploy/test_token_consumers.py::test_nobody_is_without_a_token_that_answers_through_a_rotation",
        "tests/deploy/test_token_consumers.py"
        "::test_a_token_of_which_the_line_was_lost_answers_until_its_users_have_another",
    ),
    "a command in `plane_token_consumers` fails, or a service cannot get the new token": (
        "tests/deploy/test_token_consumers.py::test_a_command_that_fails_keeps_the_former_token",
        "tests/deploy/test_token_consumers.py::test_a_command_that_fails_in_a_first_run_is_run_by_the_next",
        "tests/deploy/test_token_consumers.py::test_a_service_that_gets_its_token_from_elsewhere_is_one_line",
    ),
    "a run ends between the write of an agent's token or file and its command": (
        "tests/deploy/test_token_consumers.py::test_a_command_that_no_run_came_to_is_run_by_the_next",
        "tests/deploy/test_token_consumers.py::test_a_command_whose_run_was_killed_is_run_by_the_next",
    ),
    "two runs at once on a host": (
        "tests/deploy/test_tokens.py::test_a_second_run_at_the_same_time_says_who_is_at_work",
        "tests/unit/test_lock.py::test_the_holder_sends_something_now_and_then_so_that_a_dead_connection_is_noticed",
    ),
    "a host cannot be connected to": (
        "tests/deploy/test_connections.py::test_why_is_one_line_with_what_to_do",
        "tests/deploy/test_connections.py::test_a_host_that_was_not_reached_is_in_the_summary_with_the_command",
        "tests/deploy/test_drift_command.py::test_a_host_that_cannot_be_reached_is_not_taken_for_the_same",
    ),
    "Plane accepted a removal (204) and still lists the thing": (
        "tests/deploy/test_truth.py::test_what_plane_does_not_remove_is_not_called_removed",
    ),
    "Redis, PostgreSQL or the broker refuses Plane's new password": (
        "tests/unit/test_containers.py::test_a_server_that_refuses_plane_is_named_before_anything_is_recreated",
        "tests/deploy/test_stacks.py::test_a_redis_that_refuses_plane_is_named_and_plane_runs_on",
    ),
    "Plane limits sign-ins and sign-ups (1.4 and later)": (
        "tests/deploy/test_plane_1_4.py::test_more_accounts_than_plane_takes_at_once_are_made_in_one_run",
        "tests/unit/test_pace.py::test_the_wait_is_said_once_a_period_with_what_is_still_to_come",
    ),
    "a host prints without end": (
        "tests/unit/test_hostile_target.py::test_output_without_end_ends",
        "tests/unit/test_commands_and_files.py::test_what_a_command_sends_is_bounded_on_this_side",
    ),
    "another user replaced a file with a link": (
        "tests/unit/test_commands_and_files.py::test_a_link_that_another_user_put_there_is_not_followed",
        "tests/unit/test_commands_and_files.py::test_a_link_at_the_temporary_name_is_not_followed",
        "tests/unit/test_lock.py::test_a_link_in_the_place_of_the_note_is_not_followed",
    ),
    "the disk is full, or the folder cannot be written": (
        "tests/faults/test_target_side.py::test_a_full_disk_is_noticed_before_a_token_is_made",
        "tests/faults/test_target_side.py::test_tokens_that_cannot_be_saved_are_not_made",
    ),
    "Plane does not answer, or limits requests": (
        "tests/deploy/test_failures.py::test_an_api_that_does_not_answer",
        "tests/faults/test_throttle.py::test_a_throttled_key_is_waited_for",
    ),
    "an answer is lost on the way back": (
        "tests/faults/test_faults.py::test_a_fault_that_stays",
        "tests/unit/test_http.py::test_a_write_is_never_sent_again_after_a_dropped_connection",
    ),
    "the Compose file gives Plane another value than `plane.env` holds": (
        "tests/deploy/test_stacks.py::test_an_override_of_the_env_file_is_refused_and_nothing_is_recreated",
        "tests/unit/test_stack.py::test_a_value_beside_env_file_is_refused_with_service_variable_and_cure",
    ),
    "a migration is interrupted": (
        "tests/faults/test_crash.py::test_killed_around_any_command_of_database_and_environment",
        "tests/unit/test_containers.py::test_the_migrator_is_run_and_waited_for_before_the_others_start",
        "tests/docker/test_deploy.py::test_a_migration_that_fails_is_reported_and_done_again_by_the_next_run",
    ),
    "one host of several fails": ("tests/deploy/test_failures.py::test_one_host_that_fails_does_not_stop_the_other",),
    "something it needs is missing (a password, a permission)": (
        "tests/deploy/test_failures.py::test_missing_secrets_are_all_named_at_once",
        "tests/deploy/test_failures.py::test_what_is_not_installed_is_named_before_anything_else",
        "tests/unit/test_http.py::test_what_is_forbidden_says_who_may",
    ),
    "a run has just ended well": (
        "tests/deploy/test_preview.py::test_of_a_host_with",
        "tests/deploy/test_drift_command.py::test_a_finished_host_is_the_same_until_something_differs",
    ),
    "a run does something that its preview did not name": (
        "tests/deploy/test_preview.py::test_of_a_host_with",
        "tests/deploy/test_preview.py::test_of_all_parts",
    ),
    "a program reads the output": (
        "tests/deploy/test_output.py::test_with_json_the_plan_is_in_it_and_nothing_else_is_on_standard_output",
        "tests/deploy/test_connections.py::test_json_of_a_run_tells_what_was_done_failed_and_not_reached",
    ),
    "you want to see the requests to Plane": (
        "tests/deploy/test_truth.py::test_requests_are_shown_at_vv_without_a_secret",
    ),
    "a time zone does not exist": (
        "tests/deploy/test_project_settings.py::test_a_time_zone_that_plane_does_not_know_is_one_line",
    ),
    "an address is still that of an example": (
        "tests/unit/test_secrets.py::test_the_address_of_an_example_is_refused_but_for_this_machine",
    ),
    "a value is empty (`--data rotate_tokens=`)": ("tests/unit/test_settings.py::test_an_empty_value_is_refused",),
    "a password in an address holds a character that ends it (`#`, `/`, `?`, `@`)": (
        "tests/unit/test_settings.py::test_a_password_in_an_address_is_percent_encoded",
    ),
    "two groups or entries give a host two values of a setting": (
        "tests/deploy/test_failures.py::test_a_host_with_two_values_of_a_setting_is_refused_before_a_connection",
    ),
    "an account, a token or a token file belongs to another workspace": (
        "tests/deploy/test_truth.py::test_a_removal_is_by_an_admin_of_the_workspace_that_it_is_in",
        "tests/deploy/test_takeover.py::test_an_api_token_of_somebody_in_another_workspace_is_named",
        "tests/deploy/test_whose_tokens.py"
        "::test_the_token_file_of_another_workspace_is_refused_before_anything_is_made",
    ),
    "a killed run left a command on the host, which OpenSSH does not end": (
        "tests/unit/test_lock.py::test_a_write_whose_run_has_ended_replaces_nothing",
        "tests/unit/test_lock.py::test_a_run_that_is_ended_by_force_leaves_neither_lock_nor_note_nor_process",
        "tests/unit/test_commands_and_files.py::test_what_a_killed_run_left_is_taken_from_it",
    ),
    "one Plane's operator tries to get into another": (
        "tests/unit/test_settings.py::test_the_same_seed_gives_each_plane_and_each_workspace_other_passwords",
        "tests/unit/test_secrets.py::test_two_planes_with_one_password_are_refused_unless_a_setting_says_so",
    ),
    "`sudo` asks for a password that is wrong or not given": (
        "tests/unit/test_commands_and_files.py::test_a_password_that_nobody_gives_to_sudo_is_an_error_of_one_line",
        "tests/docker/test_surroundings.py::test_a_wrong_sudo_password_is_one_line",
    ),
    "the user has a number and no name": (
        "tests/unit/test_lock.py::test_a_user_without_a_name_is_named_by_the_number",
    ),
    "a person wrote a token into the token file, with quotes, `export` or blanks": (
        "tests/unit/test_token_file.py::test_a_token_that_a_person_wrote_is_read_as_compose_reads_it",
        "tests/deploy/test_takeover.py::test_tokens_that_were_written_to_the_file_are_adopted",
    ),
    "others can read or write a file of secrets, or its folder": (
        "tests/unit/test_settings.py::test_a_secrets_file_that_others_can_read_is_refused",
        "tests/unit/test_settings.py::test_a_secrets_file_that_others_can_write_is_refused",
        "tests/unit/test_settings.py::test_a_secrets_file_of_another_user_is_refused",
    ),
    "this machine's clock is wrong": ("tests/deploy/test_truth.py::test_a_tokens_end_is_counted_by_planes_clock",),
    "Plane's address answers with a redirect or a page for people": (
        "tests/unit/test_http.py::test_a_redirect_to_elsewhere_is_named_and_not_followed",
        "tests/unit/test_hostile_server.py::test_no_secret_follows_a_redirect",
        "tests/unit/test_hostile_server.py::test_a_page_for_people_is_one_line",
    ),
}
