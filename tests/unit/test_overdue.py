"""What the daily check finds, and how it tallies the days."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifications import overdue
from notifications.keys import NotificationKey
from notifications.ledger import Status
from notifications.overdue import (
    LISTED,
    OUTCOME_LIFE,
    REPORTED_DAYS,
    SEND_QUEUE_LIFE,
    Assessment,
    Entry,
    OverdueFinding,
    assess,
)

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
MOMENT = timedelta(milliseconds=1)
UNDECIDED_AFTER = timedelta(minutes=75)


def entry(status: Status, ago: timedelta = timedelta(0), number: int = 0, resends: int = 0) -> Entry:
    """A notification that was begun, and last moved, so long ago."""
    at = NOW - ago
    key = NotificationKey(f"{number:032x}", "order_confirmation")
    sent_at = at if status.is_accepted else None
    return Entry(key, status, 1, resends, at, at, at, sent_at)


def assessed(*entries: Entry) -> Assessment:
    return assess(entries, NOW, UNDECIDED_AFTER)


def findings(*entries: Entry) -> list[OverdueFinding]:
    return [one.finding for one in assessed(*entries).listed]


def test_notification_is_overdue_when_it_was_not_worked_on_for_longer_than_the_queue_keeps_it() -> None:
    assert findings(entry(Status.READY, SEND_QUEUE_LIFE)) == []
    assert findings(entry(Status.READY, SEND_QUEUE_LIFE + MOMENT)) == [OverdueFinding.NOT_SENT]


def test_attempt_of_unknown_outcome_waits_for_a_person_from_its_time_on() -> None:
    assert findings(entry(Status.SENDING, UNDECIDED_AFTER)) == []
    assert findings(entry(Status.SENDING, UNDECIDED_AFTER + MOMENT)) == [OverdueFinding.UNDECIDED]


@pytest.mark.parametrize("status", [status for status in Status if status.awaits_outcome])
def test_notification_is_overdue_when_it_has_had_no_outcome_for_72_hours(status: Status) -> None:
    assert timedelta(hours=72) == OUTCOME_LIFE
    assert findings(entry(status, OUTCOME_LIFE)) == []
    assert findings(entry(status, OUTCOME_LIFE + MOMENT)) == [OverdueFinding.NO_OUTCOME]


def test_each_that_was_refused_for_good_is_told_of_for_a_week_the_newest_first() -> None:
    ages = [timedelta(days=7, hours=4), timedelta(days=7, hours=3), timedelta(days=2), timedelta(hours=1)]
    entries = [entry(Status.FAILED, age, number) for number, age in enumerate(ages)]
    refused_today = replace(entries[0], updated_at=NOW, key=NotificationKey("f" * 32, "order_confirmation"))
    found = assessed(*entries, refused_today, entry(Status.ABANDONED), entry(Status.BOUNCED)).failed
    assert found == [refused_today, entries[3], entries[2], entries[1]]


WITHOUT_END = [status for status in Status if status.is_unsent or status.awaits_outcome]


@pytest.mark.parametrize("status", [status for status in Status if status not in WITHOUT_END])
def test_notification_is_never_overdue_when_it_has_an_outcome(status: Status) -> None:
    result = assessed(entry(status, timedelta(days=300)), entry(status, timedelta(days=5)))
    assert (result.overdue, result.older) == (0, 0)


def test_outcomes_are_what_nothing_is_waited_for_after() -> None:
    assert set(Status) - set(WITHOUT_END) == {
        *(Status.FAILED, Status.ABANDONED, Status.SOFT_BOUNCED, Status.DELIVERED, Status.REJECTED),
        *(Status.BOUNCED, Status.SUPPRESSED, Status.COMPLAINED),
    }


def test_notification_begun_long_ago_is_not_overdue_when_it_is_still_being_worked_on() -> None:
    key = NotificationKey("0" * 32, "order_confirmation")
    begun, retried = NOW - SEND_QUEUE_LIFE - timedelta(days=2), NOW - timedelta(minutes=15)
    assert findings(Entry(key, Status.READY, 90, 0, begun, retried, begun, sent_at=None)) == []


def test_outcome_is_waited_for_from_when_ses_accepted_though_an_event_came_later() -> None:
    key = NotificationKey("0" * 32, "order_confirmation")
    accepted = NOW - OUTCOME_LIFE - MOMENT
    delayed = Entry(key, Status.DELAYED, 1, 0, accepted, NOW - timedelta(hours=1), accepted, sent_at=accepted)
    assert findings(delayed) == [OverdueFinding.NO_OUTCOME]


def test_notification_is_only_counted_when_it_has_been_overdue_for_longer_than_the_reported_days() -> None:
    last = SEND_QUEUE_LIFE + timedelta(days=REPORTED_DAYS)
    assert findings(entry(Status.READY, last)) == [OverdueFinding.NOT_SENT]
    result = assessed(entry(Status.READY, last + MOMENT))
    assert (result.overdue, result.listed, result.older) == (0, [], 1)


def test_newest_are_listed_and_all_are_counted_when_there_are_many() -> None:
    ages = [SEND_QUEUE_LIFE + timedelta(minutes=minute) for minute in range(1, LISTED + 21)]
    result = assessed(*(entry(Status.READY, age, number) for number, age in enumerate(ages)))
    assert [one.since for one in result.listed] == [NOW - age for age in ages[:LISTED]]
    assert result.counts == {OverdueFinding.NOT_SENT: LISTED + 20}


def test_all_kinds_are_counted_together() -> None:
    result = assessed(
        entry(Status.READY, SEND_QUEUE_LIFE * 2, 1),
        entry(Status.SENT, OUTCOME_LIFE * 2, 2),
        entry(Status.SENDING, UNDECIDED_AFTER * 2, 3),
    )
    assert result.counts == {
        OverdueFinding.NOT_SENT: 1,
        OverdueFinding.NO_OUTCOME: 1,
        OverdueFinding.UNDECIDED: 1,
    }
    assert (result.overdue, result.undecided) == (3, 1)


def test_account_says_for_each_of_the_last_whole_days_how_many_have_each_status() -> None:
    yesterday = timedelta(hours=10)
    result = assessed(
        *[
            entry(Status.DELIVERED, yesterday, 1),
            entry(Status.DELIVERED, yesterday, 2, resends=1),
            entry(Status.BOUNCED, yesterday, 3),
            entry(Status.DELIVERED, timedelta(hours=1), 4),
            entry(Status.DELIVERED, timedelta(days=REPORTED_DAYS + 1), 5),
        ],
    )
    newest, *before = result.days
    assert (newest.day, newest.notifications, newest.resends) == (date(2026, 11, 23), 3, 1)
    assert newest.statuses == {"DELIVERED": 2, "BOUNCED": 1}
    assert [account.day for account in before] == [date(2026, 11, day) for day in range(22, 16, -1)]
    assert [account.notifications for account in before] == [0] * (REPORTED_DAYS - 1)


def test_days_are_those_of_utc_whatever_the_time_zone_of_the_moments() -> None:
    late = datetime.fromisoformat("2026-11-23T23:30:00-05:00")
    assert assess([], late, UNDECIDED_AFTER).days[0].day == date(2026, 11, 23)
    begun = Entry(NotificationKey("0" * 32, "order_confirmation"), Status.SENT, 1, 0, late, late, late, late)
    assert assess([begun], late + timedelta(days=1), UNDECIDED_AFTER).days[0].notifications == 1


def test_account_begins_with_the_first_moment_that_has_to_be_read() -> None:
    start = overdue.tallied_since(NOW)
    first, too_early = (NOW - start), (NOW - start) + MOMENT
    result = assessed(entry(Status.FAILED, first), entry(Status.FAILED, too_early))
    assert result.days[-1].notifications == 1


def test_status_of_a_later_release_is_tallied_and_never_overdue() -> None:
    result = assessed(replace(entry(Status.READY, timedelta(hours=30)), status="READ_BY_CUSTOMER"))
    assert result.days[1].statuses == {"READ_BY_CUSTOMER": 1}
    assert result.overdue + result.older == 0


ENTRIES = st.lists(
    st.builds(
        entry,
        st.sampled_from(list(Status)),
        st.timedeltas(timedelta(0), timedelta(days=30)),
        st.integers(0, 9),
        st.integers(0, 2),
    ),
    max_size=40,
)


@given(ENTRIES)
def test_every_notification_without_an_end_is_reported_or_counted_or_still_has_time(
    entries: list[Entry],
) -> None:
    lives = {Status.READY: SEND_QUEUE_LIFE, Status.SENDING: UNDECIDED_AFTER} | {
        status: OUTCOME_LIFE for status in Status if status.awaits_outcome
    }
    late = [NOW - one.created_at > lives[Status(one.status)] for one in entries if one.status in lives]
    result = assessed(*entries)
    assert result.overdue + result.older == sum(late)
    assert len(result.listed) == min(result.overdue, LISTED)


@given(ENTRIES, st.randoms())
def test_findings_are_the_same_in_whatever_order_the_ledger_is_read(
    entries: list[Entry], random: Random
) -> None:
    there = assessed(*entries)
    random.shuffle(entries)
    back = assessed(*entries)
    assert (back.counts, back.older, back.days) == (there.counts, there.older, there.days)
    assert [one.due for one in back.listed] == [one.due for one in there.listed]


@given(ENTRIES)
def test_accounts_add_up_to_what_was_begun_on_their_days(entries: list[Entry]) -> None:
    start, end = overdue.tallied_since(NOW), datetime(2026, 11, 24, tzinfo=UTC)
    begun = [one for one in entries if start <= one.created_at < end]
    days = assessed(*entries).days
    assert sum(day.notifications for day in days) == len(begun)
    assert sum(day.resends for day in days) == sum(one.resends for one in begun)
