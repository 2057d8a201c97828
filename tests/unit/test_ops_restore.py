"""What a restore puts back, what it leaves out, and what it learns from the functions' logs."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from notifications.hold import HOLD_KEY
from notifications.keys import NotificationKey
from notifications.ledger import EventRecorded, Record, Status, Write
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


@pytest.mark.parametrize("status", list(Status))
def test_records_come_back_as_they_were_when_the_logs_tell_the_rest(status: Status) -> None:
    assert rules.to_insert(item(status), NOW, logs_tell=True) == item(status)


@pytest.mark.parametrize("status", list(Status))
def test_what_was_in_flight_is_given_up_when_no_log_tells_what_became_of_it(status: Status) -> None:
    inserted = rules.to_insert(item(status), NOW, logs_tell=False)
    assert inserted is not None
    if status.is_unsent:
        assert inserted["status"]["S"] == Status.ABANDONED
        assert "in flight" in inserted["reason"]["S"]
    else:
        assert inserted == item(status)


def test_expired_records_stay_away() -> None:
    expired = item(expires_at={"N": str(int(NOW.timestamp()))})
    assert rules.to_insert(expired, NOW, logs_tell=True) is None


@pytest.mark.parametrize("key", [HOLD_KEY, NotificationKey("~heard", "7")])
def test_hold_and_markers_never_come_from_a_backup(key: NotificationKey) -> None:
    own = {"order_key": {"S": key.order_key}, "notification": {"S": key.notification}}
    assert rules.to_insert(own, NOW, logs_tell=True) is None


def test_audit_trail_comes_back() -> None:
    audit = {"order_key": {"S": "~audit"}, "notification": {"S": "2026"}, "expires_at": {"N": "9999999999"}}
    assert rules.to_insert(audit, NOW, logs_tell=False) == audit
    assert rules.known_of(audit) is None


@pytest.mark.parametrize("live", list(Status))
@pytest.mark.parametrize("known", ACCEPTED)
def test_record_is_moved_up_by_the_ledger_s_rules_and_never_down(live: Status, known: Status) -> None:
    found = Known(known, "m-1", iso(NOW))
    assert rules.moves_up({"status": live.value}, found) == (known.rank > live.rank)
    if known.rank > live.rank:
        written = rules.as_event(found, NOW).decide(Record(live))
        assert isinstance(written, Write)
        assert written.verdict == EventRecorded(known)
        assert written.guard.holds(Record(live))
        assert not written.guard.holds(Record(known))


@pytest.mark.parametrize("status", [status for status in Status if not status.is_accepted])
def test_backup_shows_nothing_of_what_ses_had_not_accepted(status: Status) -> None:
    assert rules.known_of(item(status)) is None


def test_damaged_record_is_noticed() -> None:
    with pytest.raises(ValueError, match="GARBLED"):
        rules.moves_up({"status": "GARBLED"}, Known(Status.SENT, "m-1", iso(NOW)))


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
        line(message="email", outcome="unknown"),
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
