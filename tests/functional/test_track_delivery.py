"""Whole batches of `track_delivery`: which events come back and when, what is logged, what is counted."""

from __future__ import annotations

import importlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from notifications import metric_names
from notifications.applications.track_delivery import Application
from notifications.keys import NotificationKey
from notifications.ledger import Claim
from notifications.ledger_table import LedgerTable
from notifications.probe import ADDRESS
from notifications.settings import TrackSettings
from notifications.times import iso
from tests.support.documented_events import documented_event
from tests.support.functions import Emitted, TestClients, returned
from tests.support.ledger_table import stored_items

FIRST, SECOND = (NotificationKey(digit * 32, "order_confirmation") for digit in "ab")
PERMANENT = ("bounce", {"bounceType": "Permanent", "bounceSubType": "General"})


def event_of(kind: Any, key: NotificationKey, recipient: str = "ada@example.com", at: str = "") -> str:
    record = json.loads(documented_event(kind, key, 1, 0))
    record["mail"]["destination"] = [recipient]
    if at:
        record["mail"]["timestamp"] = at
    return json.dumps(record)


class Given:
    """The function on a queue of its own, and two notifications that SES has."""

    def __init__(self, clients: TestClients, table_name: str) -> None:
        self.clients = clients
        self.table_name = table_name
        self.queue = clients.queue("feedback")
        self.dead_letters = clients.queue("feedback-dead-letters")
        self.environment = {
            "LEDGER_TABLE_NAME": table_name,
            "FEEDBACK_QUEUE_URL": self.queue,
            "FEEDBACK_DEAD_LETTER_QUEUE_URL": self.dead_letters,
            "SETTLE_WINDOW_SECONDS": "900",
            "FUNCTION_TIMEOUT_SECONDS": "60",
        }
        self.application = Application(TrackSettings.from_environment(self.environment), clients)
        self.ledger = LedgerTable(clients.table, table_name)
        for key in (FIRST, SECOND):
            self.ledger.claim(key, Claim(0, iso(datetime.now(UTC)), 1, "token", "content", 900_000))

    def handle(self, *bodies: str) -> tuple[list[dict[str, Any]], set[str]]:
        """The records of the batch, and the ids of those that come back."""
        event = self.clients.received(self.queue, *bodies)
        return event["Records"], returned(self.application.handle(event))

    def wait(self, record: dict[str, Any]) -> int | None:
        return self.clients.waits.get(record["receiptHandle"])

    def status(self, key: NotificationKey) -> str:
        status: str = stored_items(self.clients.table, self.table_name)[key]["status"]
        return status


@pytest.fixture
def given(clients: TestClients, table_name: str, emitted: Emitted) -> Given:
    return Given(clients, table_name)


def test_recorded_events_are_acknowledged_logged_and_counted(given: Given, emitted: Emitted) -> None:
    (_, delivery), come_back = given.handle(event_of(PERMANENT, FIRST), event_of(("delivery", {}), SECOND))

    assert come_back == set()
    assert given.clients.waits == {}
    assert (given.status(FIRST), given.status(SECOND)) == ("BOUNCED", "DELIVERED")
    [line] = [line for line in emitted.lines("event") if line["queue_message_id"] == delivery["messageId"]]
    assert (line["outcome"], line["event"], line["attempt"]) == ("recorded", "Delivery", 1)
    assert (line["order_key"], line["notification"]) == (SECOND.order_key, SECOND.notification)
    assert (line["status"], line["event_status"], line["message_id"]) == ("DELIVERED",) * 2 + ("message-1",)
    assert emitted.metrics() == {
        metric_names.EMAILS_DELIVERED: [0.0, 1.0],
        metric_names.HARD_BOUNCES: [1.0],
    }


def test_complaint_and_a_probes_delivery_are_counted_apart(given: Given, emitted: Emitted) -> None:
    given.handle(
        event_of(("complaint", {"complaintFeedbackType": "abuse"}), FIRST),
        event_of(("delivery", {}), SECOND, ADDRESS),
    )
    assert emitted.metrics() == {metric_names.COMPLAINTS: [1.0], metric_names.PROBES_DELIVERED: [1.0]}


def test_repeated_event_is_acknowledged_and_counts_nothing(given: Given, emitted: Emitted) -> None:
    given.handle(event_of(("delivery", {}), FIRST))
    emitted.metrics()
    _, come_back = given.handle(event_of(("delivery", {}), FIRST))
    assert come_back == set()
    assert emitted.lines("event")[-1]["outcome"] == "repeated"
    assert emitted.metrics() == {}


def test_event_of_nobody_is_acknowledged_and_one_that_is_none_becomes_a_dead_letter(
    given: Given, emitted: Emitted
) -> None:
    stranger = NotificationKey("c" * 32, "order_confirmation")
    foreign = json.loads(documented_event(("send", {}), FIRST, 1, 0))
    foreign["mail"]["tags"] = {}
    _, come_back = given.handle(event_of(("send", {}), stranger), json.dumps(foreign), "no event")
    assert come_back == set()
    assert [line["outcome"] for line in emitted.lines("event")] == ["orphan", "foreign", "refused_event"]
    assert given.clients.bodies_in(given.dead_letters) == ["no event"]
    assert emitted.metrics() == {}


def test_event_that_cannot_be_recorded_comes_back_alone_after_its_back_off(
    given: Given, emitted: Emitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    update = given.clients.table.update_item

    def refusing(**request: Any) -> Any:
        if request["Key"]["order_key"]["S"] == FIRST.order_key:
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, "UpdateItem")
        return update(**request)

    monkeypatch.setattr(given.clients.table, "update_item", refusing)
    (refused, recorded), come_back = given.handle(
        event_of(PERMANENT, FIRST), event_of(("delivery", {}), SECOND)
    )

    assert come_back == {refused["messageId"]}
    assert given.wait(refused) == 4  # 5 s times 0.9, to an even number
    assert given.wait(recorded) is None
    assert given.status(SECOND) == "DELIVERED"
    [line] = [line for line in emitted.lines("event") if line["outcome"] == "error"]
    assert (line["queue_message_id"], line["level"]) == (refused["messageId"], "ERROR")
    assert "LedgerUnavailableError" in line["detail"]
    assert emitted.metrics() == {metric_names.EMAILS_DELIVERED: [1.0]}


def test_all_events_that_cannot_be_recorded_come_back(given: Given, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "ThrottlingException"}}, "UpdateItem")

    monkeypatch.setattr(given.clients.table, "update_item", refuse)
    events, come_back = given.handle(event_of(PERMANENT, FIRST), event_of(("delivery", {}), SECOND))
    assert come_back == {event["messageId"] for event in events}


def test_event_of_nobody_does_not_show_that_feedback_arrives(given: Given) -> None:
    given.handle(event_of(("send", {}), NotificationKey("c" * 32, "order_confirmation")))
    assert given.ledger.feedback_path() is None


def test_late_event_in_a_batch_is_a_break_of_the_feedback_path(given: Given) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    a_minute_ago_ms = int(now.timestamp() * 1000) - 60_000
    given.ledger.advance_feedback_path(a_minute_ago_ms, a_minute_ago_ms, 900_000)
    given.handle(
        event_of(("send", {}), FIRST, at=iso(now - timedelta(minutes=30))),
        event_of(("send", {}), SECOND, at=iso(now)),
    )
    path = given.ledger.feedback_path()
    assert path
    assert path.alive_since_ms > a_minute_ago_ms


def test_send_events_that_were_recorded_advance_the_watermark(given: Given) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    earlier = now - timedelta(minutes=5)
    given.handle(event_of(("send", {}), FIRST, at=iso(earlier)), event_of(("send", {}), SECOND, at=iso(now)))
    path = given.ledger.feedback_path()
    assert path
    assert path.watermark_ms == int(now.timestamp() * 1000)


def test_events_stay_acknowledged_when_the_watermark_cannot_be_written(
    given: Given, emitted: Emitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "ThrottlingException"}}, "PutItem")

    monkeypatch.setattr(given.clients.table, "put_item", refuse)
    _, come_back = given.handle(event_of(("send", {}), FIRST))
    assert come_back == set()
    assert given.status(FIRST) == "SENT"
    [warning] = emitted.lines("feedback_path")
    assert (warning["level"], "LedgerUnavailableError" in warning["detail"]) == ("WARNING", True)


def test_entry_point_makes_the_function_of_its_environment(
    given: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in given.environment.items():
        monkeypatch.setenv(name, text)
    module = importlib.reload(importlib.import_module("track_delivery"))
    event = given.clients.received(given.queue, event_of(("delivery", {}), FIRST))
    assert module.handler(event, None) == {"batchItemFailures": []}
    assert given.status(FIRST) == "DELIVERED"
