"""Merging a restored table into the ledger: what is missing comes back, what is newer stays."""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from notifications.evidence import Doubt
from notifications.failures import Certainty, Failure, LedgerUnavailableError
from notifications.keys import NotificationKey, notification_key
from notifications.ledger import SesEvent, Status
from notifications.ledger_table import LedgerTable
from notifications.settings import SendSettings
from notifications.times import epoch_ms, iso
from ops.dead_letters.messages import Message, QueueName
from ops.errors import InputError, OpsError
from ops.function_logs import FunctionLogs
from ops.restore import received
from ops.restore.rules import Known, as_record
from ops.restore.table import Merge, SideTable
from ops.targets import Deployed
from tests.functional.test_ops_settle import VARIABLES
from tests.support.ledger_table import create_ledger_table, stored_items
from tests.support.system import order

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
EXPIRES = NOW + timedelta(days=400)
KEY = NotificationKey("0123", "order_confirmation")
OTHER = NotificationKey("4567", "order_confirmation")


class Ledger:
    """A ledger in moto, with records put as plain values."""

    def __init__(self) -> None:
        self.client: Any = boto3.client("dynamodb", region_name="us-east-1")
        self.name = create_ledger_table(self.client)

    def put(self, key: NotificationKey, status: str, **changes: Any) -> dict[str, Any]:
        """Put a record; returns it in DynamoDB's notation."""
        item = as_record(key, Known(Status.SENT, 1, "m-1", epoch_ms(NOW), has_event=True), NOW, EXPIRES) | {
            "status": status,
            "history": {},
            **changes,
        }
        if status in ("READY", "SENDING"):
            del item["message_id"], item["sent_at"]
        boto3.resource("dynamodb", region_name="us-east-1").Table(self.name).put_item(
            Item={name: value for name, value in item.items() if value is not None}
        )
        return self.raw(key)

    def raw(self, key: NotificationKey) -> dict[str, Any]:
        found: dict[str, Any] = self.client.get_item(
            TableName=self.name,
            Key={"order_key": {"S": key.order_key}, "notification": {"S": key.notification}},
        )["Item"]
        return found

    def lose(self, key: NotificationKey) -> None:
        self.client.delete_item(
            TableName=self.name,
            Key={"order_key": {"S": key.order_key}, "notification": {"S": key.notification}},
        )

    def status(self, key: NotificationKey) -> str:
        return str(self.raw(key)["status"]["S"])

    def merge(self) -> Merge:
        return Merge(self.client, self.name, NOW, EXPIRES)


@pytest.fixture
def ledger(moto: None) -> Ledger:
    return Ledger()


def test_missing_record_comes_back_as_it_was(ledger: Ledger) -> None:
    backup = ledger.put(KEY, "DELIVERED")
    ledger.lose(KEY)
    merge = ledger.merge()
    merge.restored([backup], logs_tell=True)
    assert ledger.raw(KEY) == backup
    assert merge.done.counts == {"inserted": 1}


def test_newer_record_is_not_touched(ledger: Ledger) -> None:
    backup = ledger.put(KEY, "SENT")
    newer = ledger.put(KEY, "BOUNCED", updated_at="later")
    merge = ledger.merge()
    merge.restored([backup], logs_tell=True)
    assert ledger.raw(KEY) == newer
    assert merge.done.counts == {"kept": 1}


def test_record_that_is_behind_is_moved_up_and_says_by_what(ledger: Ledger) -> None:
    backup = ledger.put(KEY, "DELIVERED")
    ledger.put(KEY, "READY")
    merge = ledger.merge()
    merge.restored([backup], logs_tell=True)
    restored = ledger.raw(KEY)
    assert (restored["status"]["S"], restored["message_id"]["S"]) == ("DELIVERED", "m-1")
    assert [entry["M"]["event"]["S"] for entry in restored["history"]["M"].values()] == ["Restored"]
    assert merge.done.counts == {"moved_up": 1}


def test_attempt_under_way_is_not_undone_by_a_backup_that_knows_less(ledger: Ledger) -> None:
    backup = ledger.put(KEY, "READY")
    newer = ledger.put(KEY, "SENDING", attempt=2)
    ledger.merge().restored([backup], logs_tell=True)
    assert ledger.raw(KEY) == newer


def test_record_that_came_to_be_while_merging_stays(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    backup = ledger.put(KEY, "SENT")
    newer = ledger.put(KEY, "DELIVERED")
    merge = ledger.merge()
    monkeypatch.setattr(merge, "_live", lambda _keys: {})
    merge.restored([backup], logs_tell=True)
    assert ledger.raw(KEY) == newer


def test_logs_tell_of_an_email_that_no_backup_has(ledger: Ledger) -> None:
    merge = ledger.merge()
    merge.logged({KEY: Known(Status.DELIVERED, 1, "m-9", epoch_ms(NOW), has_event=True)})
    assert ledger.status(KEY) == "DELIVERED"
    assert merge.done.counts == {"from_logs": 1}


def test_logs_move_up_what_the_backup_left_in_flight(ledger: Ledger) -> None:
    backup = ledger.put(KEY, "SENDING")
    ledger.lose(KEY)
    merge = ledger.merge()
    merge.restored([backup], logs_tell=True)
    merge.logged({KEY: Known(Status.SENT, 1, "m-9", epoch_ms(NOW))})
    assert ledger.status(KEY) == "SENT"
    assert ledger.raw(KEY)["message_id"]["S"] == "m-9"


def test_merging_twice_changes_nothing_more(ledger: Ledger) -> None:
    backup = [ledger.put(KEY, "DELIVERED"), ledger.put(OTHER, "DELIVERED")]
    ledger.lose(KEY)
    ledger.put(OTHER, "SENT")
    ledger.merge().restored(backup, logs_tell=True)
    once = stored_items(ledger.client, ledger.name)
    again = ledger.merge()
    again.restored(backup, logs_tell=True)
    assert stored_items(ledger.client, ledger.name) == once
    assert again.done.counts == {"kept": 2}


@pytest.mark.parametrize("damage", [{"status": "GARBLED"}, {"status": "SENT", "history": None}])
def test_damaged_record_is_left_and_named_and_the_others_are_merged(
    ledger: Ledger, damage: dict[str, Any]
) -> None:
    backup = [ledger.put(KEY, "DELIVERED"), ledger.put(OTHER, "DELIVERED")]
    damaged = ledger.put(KEY, **damage)
    ledger.lose(OTHER)
    merge = ledger.merge()
    merge.restored(backup, logs_tell=True)
    assert ledger.status(OTHER) == "DELIVERED"
    assert ledger.raw(KEY) == damaged
    assert merge.done.damaged == [str(KEY)]


@pytest.mark.parametrize(("code", "stops"), [("ValidationException", False), ("AccessDeniedException", True)])
def test_write_that_dynamodb_refuses_for_the_record_s_sake_stops_nothing_else(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, code: str, stops: bool
) -> None:
    backup = ledger.put(KEY, "DELIVERED")
    ledger.put(KEY, "SENT")

    def refuse(*_: Any) -> None:
        raise LedgerUnavailableError(Failure(Certainty.CONFIGURATION, code))

    monkeypatch.setattr(LedgerTable, "record", refuse)
    merge = ledger.merge()
    with pytest.raises(OpsError, match=code) if stops else nullcontext():
        merge.restored([backup], logs_tell=True)
    assert merge.done.damaged == ([] if stops else [str(KEY)])


def test_side_table_of_a_moment_is_found_again_by_its_name(ledger: Ledger) -> None:
    side = SideTable(ledger.client, ledger.name, NOW)
    assert side.name == f"{ledger.name}-restore-20261124T120000Z"
    assert side.status() is None


def test_ledger_without_recovery_cannot_be_restored(ledger: Ledger) -> None:
    with pytest.raises(OpsError, match="is off"):
        SideTable(ledger.client, ledger.name, NOW).check()


def test_moment_that_is_not_kept_is_refused(ledger: Ledger) -> None:
    ledger.client.update_continuous_backups(
        TableName=ledger.name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    with pytest.raises(InputError, match="Choose a time from"):
        SideTable(ledger.client, ledger.name, NOW - timedelta(days=3650)).check()


def test_table_that_is_gone_has_another_way_back(ledger: Ledger) -> None:
    with pytest.raises(OpsError, match="When the ledger is lost"):
        SideTable(ledger.client, "gone", NOW).check()


class Functions:
    """Both functions, with a log level; and their log groups, with a retention."""

    def __init__(self, level: str, retention_days: int | None) -> None:
        self._level = level
        self._group = {"logGroupName": "/aws/lambda/f"}
        self._retention = {"retentionInDays": retention_days} if retention_days else {}
        self.region, self.exceptions = "us-east-1", None

    def client(self, _service: str) -> Functions:
        return self

    def get_function_configuration(self, **_: Any) -> dict[str, Any]:
        variables = {"POWERTOOLS_LOG_LEVEL": self._level, "RECORD_RETENTION_DAYS": "400"}
        return {"FunctionName": "f", "Environment": {"Variables": variables}}

    def describe_log_groups(self, **_: Any) -> dict[str, Any]:
        return {"logGroups": [{"logGroupName": "/aws/lambda/f-2"}, self._group | self._retention]}


@pytest.mark.parametrize(
    ("level", "retention_days", "tell"),
    [("INFO", 30, True), ("DEBUG", None, True), ("ERROR", 30, False), ("INFO", 1, False)],
)
def test_logs_tell_if_they_are_written_and_kept_long_enough(
    level: str, retention_days: int | None, tell: bool
) -> None:
    outputs = {"SendEmailFunctionName": "f", "TrackDeliveryFunctionName": "f"}
    of = Deployed("shop", Functions(level, retention_days), outputs, NOW)  # type: ignore[arg-type]
    logs = FunctionLogs(of, NOW - timedelta(days=2))
    assert logs.tell(NOW) == tell
    assert logs.record_retention == timedelta(days=400)


def test_attempt_in_doubt_that_only_a_log_tells_of_waits_for_a_person(ledger: Ledger) -> None:
    merge = ledger.merge()
    merge.logged({KEY: Known(Status.SENDING, 2, "", epoch_ms(NOW))})
    record = LedgerTable(ledger.client, ledger.name).find(KEY)
    assert record is not None
    assert (record.status, record.attempt, record.doubt) == (Status.SENDING, 2, Doubt.UNANSWERED)
    [entry] = LedgerTable(ledger.client, ledger.name).open_attempts(0, epoch_ms(NOW))
    assert entry.key == KEY


def test_email_that_logs_call_accepted_is_open_until_its_event(ledger: Ledger) -> None:
    ledger.put(KEY, "READY", message_id=None)
    merge = ledger.merge()
    merge.logged({KEY: Known(Status.SENT, 2, "m-9", epoch_ms(NOW))})
    stored = ledger.raw(KEY)
    assert (stored["status"]["S"], stored["attempt"]["N"], stored["message_id"]["S"]) == ("SENT", "2", "m-9")
    assert "open_shard" in stored
    event = SesEvent("e", 2, Status.DELIVERED, "m-9", "later", "then", {"at": "later", "event": "Delivery"})
    LedgerTable(ledger.client, ledger.name).record_event(KEY, event)
    assert "open_shard" not in ledger.raw(KEY)


def message(body: Any, queue: QueueName = QueueName.SEND, **changes: Any) -> Message:
    made = Message(queue, "m-1", "handle", json.dumps(body), {}, NOW, NOW - timedelta(hours=2), 2)
    return replace(made, **changes)


def test_order_that_was_received_before_and_has_no_record_is_put_back_in_doubt(ledger: Ledger) -> None:
    event = order(ordered_at=iso(NOW - timedelta(hours=3)))
    settings = SendSettings.from_environment(VARIABLES)
    recorded = order(ordered_at=iso(NOW - timedelta(hours=3)))
    known_key = notification_key("order_confirmation", recorded["order_id"])
    before = ledger.put(known_key, "DELIVERED")
    merge = ledger.merge()

    merge.received(received.records(map(message, (event, recorded, {"type": "unknown"})), settings, NOW))

    stored = ledger.raw(notification_key("order_confirmation", event["order_id"]))
    assert (stored["status"]["S"], stored["order_id"]["S"]) == ("SENDING", event["order_id"])
    assert stored["recipient"]["S"] == event["customer"]["email"]
    assert stored["fingerprint"]["S"]
    assert int(stored["send_by_ms"]["N"]) == epoch_ms(NOW - timedelta(hours=2))
    assert ledger.raw(known_key) == before
    assert merge.done.counts == {"in_doubt": 1}


@pytest.mark.parametrize(
    ("made", "is_dead", "may_have"),
    [
        (message({}), False, True),
        (message({}, first_received_at=NOW), False, False),
        (message({}, first_received_at=None), False, False),
        (message({}), True, True),
        (message({}, attributes={"error_field": {"StringValue": "(outcome)"}}), True, True),
        (message({}, attributes={"error_field": {"StringValue": "total"}}), True, False),
    ],
)
def test_what_a_worker_has_received_before_the_hold_may_have_been_sent(
    made: Message, *, is_dead: bool, may_have: bool
) -> None:
    held_at = NOW - timedelta(hours=1)
    assert received.may_have_been_sent(made, held_at, is_dead=is_dead) == may_have
