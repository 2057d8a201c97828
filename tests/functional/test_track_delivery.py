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
from notifications.evidence import ResendAfterSilence, SettlingRules, Sign
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
RULES = SettlingRules(900_000, 3_600_000, ResendAfterSilence.ANSWERED)
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
            "RESEND_AFTER_SILENCE": "answered",
            "FUNCTION_TIMEOUT_SECONDS": "60",
        }
        self.use(self.environment)
        self.ledger = LedgerTable(clients.table, table_name)
        for key in (FIRST, SECOND):
            claim = Claim(0, iso(datetime.now(UTC)), 1, "token", "content", RULES, key.open_shard)
            self.ledger.claim(key, claim)

    def use(self, environment: dict[str, str]) -> None:
        self.application = Application(TrackSettings.from_environment(environment), self.clients)

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


def test_event_closes_its_attempt(given: Given) -> None:
    given.handle(event_of(("send", {}), FIRST))
    assert [entry.key for entry in given.ledger.open_attempts(0, 10**15)] == [SECOND]


def test_event_of_a_second_message_stands_out_in_the_log(given: Given, emitted: Emitted) -> None:
    given.handle(event_of(("send", {}), FIRST))
    second = json.loads(event_of(("delivery", {}), FIRST))
    second["mail"]["messageId"] = "message-2"
    given.handle(json.dumps(second))
    line = emitted.lines("event")[-1]
    assert (line["outcome"], line["duplicate"], line["level"]) == ("recorded", True, "WARNING")
    item = stored_items(given.clients.table, given.table_name)[FIRST]
    assert item["duplicate_message_ids"] == {"1:message-2"}


# --- what shows that events come --------------------------------------------------------------------


NOW = datetime.now(UTC).replace(microsecond=0)
WINDOW = timedelta(minutes=15)


@pytest.fixture
def marking(given: Given, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Attempts without an answer may be made again here; the markers that are put."""
    given.use(given.environment | {"RESEND_AFTER_SILENCE": "all"})
    put: list[Any] = []
    put_item = given.clients.table.put_item

    def noted(**request: Any) -> Any:
        put.append(request)
        return put_item(**request)

    monkeypatch.setattr(given.clients.table, "put_item", noted)
    return put


def heard(given: Given) -> list[int]:
    """The times of which markers say that events have come, in epoch seconds."""
    now_ms = int(NOW.timestamp() * 1000)
    signs = given.ledger.signs(now_ms, 10 * 3_600_000)
    return sorted(at_ms // 1000 for sign, at_ms in signs if sign is Sign.HEARD)


def test_send_event_is_marked_as_heard_by_when_ses_accepted(given: Given, marking: list[Any]) -> None:
    given.handle(event_of(("send", {}), FIRST, at=iso(NOW - WINDOW)))
    given.handle(event_of(("send", {}), SECOND, at=iso(NOW)))
    assert heard(given) == [int((NOW - WINDOW).timestamp()), int(NOW.timestamp())]
    expires_at = int(marking[0]["Item"]["expires_at"]["N"]) - NOW.timestamp()
    assert timedelta(days=7) < timedelta(seconds=expires_at) < timedelta(days=9)


def test_one_marker_is_put_for_a_tenth_of_a_settle_window(given: Given, marking: list[Any]) -> None:
    part = int(WINDOW.total_seconds()) // 10
    start = datetime.fromtimestamp(NOW.timestamp() // part * part, UTC)
    given.handle(event_of(("send", {}), FIRST, at=iso(start)))
    given.handle(event_of(("send", {}), SECOND, at=iso(start + timedelta(seconds=part - 1))))
    assert len(marking) == 1


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(event_of(("delivery", {}), FIRST, at=iso(NOW)), id="not-of-its-time"),
        pytest.param(event_of(("send", {}), NotificationKey("c" * 32, "x"), at=iso(NOW)), id="of-nobody"),
    ],
)
def test_other_events_do_not_show_that_those_of_their_time_came(
    given: Given, marking: list[Any], event: str
) -> None:
    given.handle(event)
    assert marking == []


def test_nothing_is_marked_where_attempts_without_an_answer_wait_for_a_person(
    given: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(given.clients.table, "put_item", None)
    given.handle(event_of(("send", {}), FIRST, at=iso(NOW)))
    assert heard(given) == []


def test_event_stays_acknowledged_when_its_marker_cannot_be_put_and_the_next_one_tries_again(
    given: Given, emitted: Emitted, marking: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "ThrottlingException"}}, "PutItem")

    with monkeypatch.context() as patch:
        patch.setattr(given.clients.table, "put_item", refuse)
        _, come_back = given.handle(event_of(("send", {}), FIRST, at=iso(NOW)))
    assert come_back == set()
    assert given.status(FIRST) == "SENT"
    assert emitted.lines("event")[-1]["detail"] == "not marked as heard: ThrottlingException"
    given.handle(event_of(("send", {}), SECOND, at=iso(NOW)))
    assert len(marking) == 1


def test_entry_point_makes_the_function_of_its_environment(
    given: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in given.environment.items():
        monkeypatch.setenv(name, text)
    module = importlib.reload(importlib.import_module("track_delivery"))
    event = given.clients.received(given.queue, event_of(("delivery", {}), FIRST))
    assert module.handler(event, None) == {"batchItemFailures": []}
    assert given.status(FIRST) == "DELIVERED"
