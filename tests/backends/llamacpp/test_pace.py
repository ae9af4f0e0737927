"""How much of the prompts a step reads: by what the machine reads in some seconds, and never less than is worth a step."""

from __future__ import annotations

from backends.llamacpp.pace import Pace


def test_a_short_prompt_is_read_in_one_step_also_by_a_slow_machine_where_nobody_writes() -> None:
    pace = Pace(2048)
    pace.note(200, 20.0, reads=True)
    assert pace.chunk(1, beside_writers=False) >= 200


def test_beside_replies_a_step_is_short() -> None:
    pace = Pace(2048)
    pace.note(512, 0.5, reads=True)
    assert pace.chunk(1, beside_writers=True) < 200 < pace.chunk(1, beside_writers=False)
    pace.note(200, 20.0, reads=True)
    assert pace.chunk(1, beside_writers=True) == 96


def test_where_several_wait_a_slow_machine_reads_a_short_prompt_at_once() -> None:
    pace = Pace(2048)
    pace.note(200, 20.0, reads=True)
    assert pace.chunk(3, beside_writers=True) >= 200


def test_where_cells_are_short_a_step_is_never_larger_than_what_found_room() -> None:
    pace = Pace(2048)
    pace.halve(64)
    assert pace.chunk(1, beside_writers=False) == 32


def test_the_more_prompts_wait_the_longer_words_wait_for_them_up_to_two_seconds() -> None:
    pace = Pace(2048)
    assert [pace.crowd_seconds(readers) for readers in (2, 3, 4, 16)] == [1.0, 1.5, 2.0, 2.0]


def test_whether_writing_takes_long_is_told_by_the_last_step_in_which_nothing_was_read() -> None:
    pace = Pace(2048)
    pace.note(512, 4.0, reads=True)
    assert not pace.writes_long
    pace.note(3, 0.25, reads=False)
    assert pace.writes_long
    pace.note_burst(0.1, 400, 2)
    pace.note_burst(9.0, 0, 2)
    assert not pace.writes_long
    pace.note_burst(0.1, 4, 2)
    assert pace.writes_long
    assert pace.chunk(1, beside_writers=False) == 256, "what was written says nothing of how fast prompts are read"


def test_whether_one_row_takes_long_is_told_by_what_each_of_the_last_ones_took() -> None:
    pace = Pace(2048)
    assert not pace.rows_are_long, "nothing is known"
    pace.note(1, 0.0021, reads=False)
    assert pace.rows_are_long
    pace.note(2, 0.0021, reads=False)
    assert pace.writes_long and not pace.rows_are_long
    pace.note_burst(0.5, 10, 16)
    assert pace.rows_are_long


def test_what_words_may_cost_beside_a_crowd_follows_from_what_the_last_ones_cost() -> None:
    pace = Pace(2048)
    assert pace.rows_worth(2.0) == 1, "by the rate at which machines read before anything is known"
    pace.note(4, 0.02, reads=False)
    assert pace.rows_worth(2.0) == 4
    pace.note_burst(0.1, 10, 2)
    assert pace.rows_worth(2.0) == 4
    pace.note_burst(9.0, 0, 2)
    assert pace.rows_worth(2.0) == 4, "a burst without a step tells nothing"
    pace.note(1, 0.25, reads=False)
    assert pace.rows_worth(2.0) == 0
    pace.note(512, 4.0, reads=True)
    assert pace.rows_worth(25.0) == 1, "nor does what was read"
    assert pace.seconds_to_read(256) == 2.0
