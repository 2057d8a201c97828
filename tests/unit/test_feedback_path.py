"""When silence of the feedback path proves that a message was never sent."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from notifications.feedback_path import FeedbackPath, advance

SETTLE_MS = 900_000
MINUTE_MS = 60_000


def recorded(*events: tuple[int, int]) -> FeedbackPath:
    """The path after `Send` events of mail sent at, and recorded at, these minutes."""
    path = None
    for sent_at, recorded_at in events:
        path = advance(path, sent_at * MINUTE_MS, recorded_at * MINUTE_MS, SETTLE_MS)
    assert path
    return path


def proves(path: FeedbackPath, send_by_minute: int) -> bool:
    return path.was_alive_after(send_by_minute * MINUTE_MS, SETTLE_MS)


def test_path_proves_silence_when_it_was_alive_for_a_settle_window_after_the_attempt() -> None:
    path = recorded((0, 0), (10, 10), (20, 20), (26, 26))
    assert proves(path, 11)
    assert not proves(path, 12)


def test_path_proves_nothing_when_the_newest_events_are_older_than_the_attempt() -> None:
    assert not proves(recorded((0, 0), (10, 10)), 30)


def test_path_proves_nothing_right_after_an_outage_though_the_newest_event_came_first() -> None:
    back = recorded((0, 0), (10, 10), (90, 90))
    assert back.watermark_ms == 90 * MINUTE_MS
    assert not proves(back, 11)
    settled = recorded((0, 0), (10, 10), (90, 90), (98, 98), (105, 105))
    assert proves(settled, 11)


def test_late_event_starts_the_wait_anew_when_it_shows_that_others_may_be_late_too() -> None:
    steady = [(minute, minute) for minute in range(0, 60, 5)]
    assert proves(recorded(*steady), 11)
    assert not proves(recorded(*steady, (12, 56)), 11)


def test_path_proves_nothing_while_events_wait_in_a_queue() -> None:
    path = recorded((0, 0), (10, 10), (20, 20), (30, 30))
    assert proves(path, 5)
    assert not proves(replace(path, waiting=True), 5)


@given(st.lists(st.tuples(st.integers(0, 10**7), st.integers(0, 10**7)), min_size=1, max_size=20))
def test_watermark_never_goes_back_when_events_come_in_any_order(events: list[tuple[int, int]]) -> None:
    path, marks = None, []
    for sent_at, delay in events:
        path = advance(path, sent_at, sent_at + delay, SETTLE_MS)
        marks.append(path.watermark_ms)
    assert marks == sorted(marks)
    assert marks[-1] == max(sent_at for sent_at, _ in events)


@given(st.lists(st.tuples(st.integers(0, 10**7), st.integers(0, 10**7)), min_size=2, max_size=20))
def test_wait_after_a_break_is_never_shortened_by_an_event_noted_out_of_order(
    events: list[tuple[int, int]],
) -> None:
    path, starts = None, []
    for sent_at, delay in events:
        path = advance(path, sent_at, sent_at + delay, SETTLE_MS)
        starts.append(path.alive_since_ms)
    assert starts == sorted(starts)
