"""What a restore puts back, what it leaves out, and what it learns from the functions' logs."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from notifications.hold import HOLD_KEY
from notifications.keys import NotificationKey
from notifications.ledger import EventRecorded, Record, Status, Write
from notifications.ledger_table import discarded_marker
from notifications.sending import Outcome
from notifications.times import epoch_ms, iso
from ops.restore import rules
from ops.restore.rules import Known

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
KEY = NotificationKey("0123", "order_confirmation")
ACCEPTED = [status for status in Status if status.is_accepted]


def item(status: str = "DELIVERED", **changes: Any) -> dict[str, Any]:
    texts = {
        "order_key": KEY.order_key,
        "notification": KEY.notification,
        "status": status,
        "message_id": "m-1",
        "sent_at": "2026-11-24T11:00:00.000Z",
    }
    return {
        **{name: {"S": text} for name, text in texts.items()},
        "attempt": {"N": "1"},
        "send_by_ms": {"N": str(epoch_ms(NOW) - 3_600_000)},
        "expires_at": {"N": str(int((NOW + timedelta(days=1)).timestamp()))},
        **changes,
    }


def line(**fields: Any) -> tuple[int, str]:
    of_key = {"order_key": KEY.order_key, "notification": KEY.notification, "message_id": "m-1"}
    return epoch_ms(NOW), json.dumps(of_key | fields)


def email(**fields: Any) -> tuple[int, str]:
    return line(message="email", outcome="accepted", email_type="order_confirmation", **fields)


def event(**fields: Any) -> tuple[int, str]:
    return line(message="event", **fields)


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.SENDING])
def test_records_come_back_as_they_were_when_the_logs_tell_the_rest(status: Status) -> None:
    assert rules.to_insert(item(status), NOW, logs_tell=True) == item(status)


@pytest.mark.parametrize(
    ("status", "logs_tell"), [(Status.SENDING, True), (Status.SENDING, False), (Status.READY, False)]
)
def test_what_was_under_way_comes_back_in_doubt_whatever_was_known_of_it(
    status: Status, *, logs_tell: bool
) -> None:
    known = {
        "answer": {"S": "error"},
        "first_look_ms": {"N": "1"},
        "decision": {"S": "send_again"},
        "decided_by": {"S": "ada"},
    }
    inserted = rules.to_insert(item(status, **known), NOW, logs_tell=logs_tell)
    assert inserted is not None
    assert inserted["status"]["S"] == Status.SENDING
    assert not known.keys() & inserted.keys()
    assert int(inserted["send_by_ms"]["N"]) <= epoch_ms(NOW)
    assert inserted["open_shard"]["S"] == KEY.open_shard
    assert inserted["claimed_at_ms"] == inserted["send_by_ms"]


@pytest.mark.parametrize("status", [s for s in Status if not s.is_unsent])
def test_what_had_ended_comes_back_as_it_was_without_any_log(status: Status) -> None:
    assert rules.to_insert(item(status), NOW, logs_tell=False) == item(status)


def test_expired_records_stay_away() -> None:
    expired = item(expires_at={"N": str(int(NOW.timestamp()))})
    assert rules.to_insert(expired, NOW, logs_tell=True) is None


@pytest.mark.parametrize("key", [HOLD_KEY, NotificationKey("~heard", "7")])
def test_hold_and_markers_never_come_from_a_backup(key: NotificationKey) -> None:
    own = {"order_key": {"S": key.order_key}, "notification": {"S": key.notification}}
    assert rules.to_insert(own, NOW, logs_tell=True) is None


def test_what_was_discarded_is_known_after_a_restore() -> None:
    marker = discarded_marker("m-1", epoch_ms(NOW), int((NOW + timedelta(days=1)).timestamp()))
    assert rules.to_insert(marker, NOW, logs_tell=True) == marker
    assert rules.known_of(marker) is None


def test_audit_trail_comes_back() -> None:
    audit = {"order_key": {"S": "~audit"}, "notification": {"S": "2026"}, "expires_at": {"N": "9999999999"}}
    assert rules.to_insert(audit, NOW, logs_tell=False) == audit
    assert rules.known_of(audit) is None


@pytest.mark.parametrize("live", list(Status))
@pytest.mark.parametrize("known", ACCEPTED)
def test_record_is_moved_up_by_the_ledger_s_rules_and_never_down(live: Status, known: Status) -> None:
    found = Known(known, 1, "m-1", epoch_ms(NOW))
    assert rules.moves_up({"status": live.value}, found) == (known.rank > live.rank)
    if known.rank > live.rank:
        written = rules.restoring(KEY, found, NOW)(Record(live))
        assert isinstance(written, Write)
        assert written.verdict == EventRecorded(known)
        assert written.guard.holds(Record(live))
        assert not written.guard.holds(Record(known))


@pytest.mark.parametrize("status", [status for status in Status if not status.is_accepted])
def test_backup_shows_nothing_of_what_ses_had_not_accepted(status: Status) -> None:
    assert rules.known_of(item(status)) is None


def test_damaged_record_is_noticed() -> None:
    with pytest.raises(ValueError, match="GARBLED"):
        rules.moves_up({"status": "GARBLED"}, Known(Status.SENT, 1, "m-1", epoch_ms(NOW)))


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ([email()], Status.SENT),
        ([event(outcome="recorded", event_status="SENT")], Status.SENT),
        ([email(), event(outcome="recorded", event_status="DELIVERED")], Status.DELIVERED),
        ([email(), event(outcome="orphan", event_status="DELIVERED")], Status.DELIVERED),
        ([event(event_status="BOUNCED"), event(event_status="SENT")], Status.BOUNCED),
        ([event(outcome="orphan")], Status.SENT),
        ([event(event_status="of a later release")], Status.SENT),
    ],
)
def test_logs_tell_how_far_an_email_has_come(lines: list[tuple[int, str]], status: Status) -> None:
    known = rules.read_logs(lines)
    assert known.keys() == {KEY}
    assert (known[KEY].status, known[KEY].message_id) == (status, "m-1")


@pytest.mark.parametrize(
    "other",
    [
        line(message="email", outcome="deferred"),
        line(message="email", outcome="duplicate"),
        (0, json.dumps({"message": "email", "outcome": "accepted"})),
        (0, "START RequestId: 1"),
        (0, '{"truncated": '),
        (0, "[1]"),
    ],
)
def test_lines_that_do_not_show_an_accepted_email_tell_nothing(other: tuple[int, str]) -> None:
    assert rules.read_logs([other]) == {}


def test_record_made_from_a_log_is_one_that_the_ledger_s_rules_can_read() -> None:
    known = rules.read_logs([email(), event(event_status="DELIVERED")])[KEY]
    record = rules.as_record(KEY, known, NOW, NOW + timedelta(days=400))
    assert record["type"] == "order_confirmation"
    assert record["sent_at"] == iso(NOW)
    assert {"status", "attempt", "token", "send_by_ms", "fingerprint", "history"} <= record.keys()
    assert record["expires_at"] == int((NOW + timedelta(days=400)).timestamp())


# --- attempts in doubt ------------------------------------------------------------------------------


def unknown(attempt: int, outcome: str = "unknown") -> tuple[int, str]:
    return line(message="email", outcome=outcome, attempt=attempt, message_id="")


def test_outcomes_that_nobody_knows_are_called_as_the_function_logs_them() -> None:
    assert set(rules.IN_DOUBT) == {Outcome.UNKNOWN, Outcome.UNDECIDED}


@pytest.mark.parametrize("in_doubt", [unknown(2), unknown(0, "undecided")])
def test_log_of_an_outcome_that_nobody_knows_brings_the_attempt_back(in_doubt: tuple[int, str]) -> None:
    known = rules.read_logs([in_doubt])[KEY]
    record = rules.as_record(KEY, known, NOW, NOW + timedelta(days=400))
    assert (record["status"], record["open_shard"]) == (Status.SENDING, KEY.open_shard)
    assert record["attempt"] == (known.attempt or 1)
    assert record["send_by_ms"] <= epoch_ms(NOW)
    assert "message_id" not in record


def test_attempt_that_turned_out_well_is_not_in_doubt() -> None:
    known = rules.read_logs([unknown(1), email(attempt=2)])[KEY]
    assert (known.status, known.attempt, known.has_event) == (Status.SENT, 2, False)


def test_email_of_which_no_event_has_come_is_open_after_a_restore_and_others_are_not() -> None:
    silent = rules.read_logs([email(attempt=1)])[KEY]
    heard = rules.read_logs([email(attempt=1), event(attempt=1, event_status="SENT")])[KEY]
    of_another = rules.read_logs([email(attempt=2), event(attempt=1, event_status="SENT")])[KEY]
    expires = NOW + timedelta(days=400)
    opened = [
        "open_shard" in rules.as_record(KEY, known, NOW, expires) for known in (silent, heard, of_another)
    ]
    assert opened == [True, False, True]


@pytest.mark.parametrize(
    ("live", "attempt", "behind"),
    [
        (Status.READY, 1, True),
        (Status.READY, 2, False),
        (Status.FAILED, 1, True),
        (Status.SENDING, 1, False),
        (Status.ABANDONED, 1, False),
        (Status.SENT, 1, False),
    ],
)
def test_attempt_in_doubt_moves_up_only_what_ended_before_it(
    live: Status, attempt: int, *, behind: bool
) -> None:
    known = rules.read_logs([unknown(2)])[KEY]
    assert rules.moves_up({"status": live.value, "attempt": attempt}, known) == behind
    step = rules.restoring(KEY, known, NOW)(Record(live, attempt))
    assert isinstance(step, Write) == behind


def test_email_that_a_person_settled_as_sent_survives_without_a_message_id() -> None:
    settled = item("SENT")
    del settled["message_id"]
    known = rules.known_of(settled)
    assert known is not None
    step = rules.restoring(KEY, known, NOW)(Record(Status.SENDING))
    assert isinstance(step, Write)
    assert step.changes.attributes["status"] == Status.SENT
    assert "message_id" not in step.changes.attributes
    assert not step.changes.members


def test_backup_that_knows_no_message_id_makes_no_duplicate_of_the_one_that_is_recorded() -> None:
    known = Known(Status.DELIVERED, 1, "", epoch_ms(NOW), has_event=True)
    step = rules.restoring(KEY, known, NOW)(Record(Status.SENT, message_id="m-1"))
    assert isinstance(step, Write)
    assert not step.changes.members
    assert "message_id" not in step.changes.attributes
