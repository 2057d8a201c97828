"""Whole batches of `send_email`: which messages come back and when, what is logged, what is counted."""

from __future__ import annotations

import importlib
import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from notifications import metric_names
from notifications.applications.send_email import Application
from notifications.email_types import EmailTypes
from notifications.probe import ADDRESS
from notifications.settings import SendSettings
from tests.support.functions import Emitted, TestClients, returned
from tests.support.ledger_table import primary_key, stored_items

SAMPLE = EmailTypes().get("order_confirmation").sample
REMAINING_MS = 60_000
HOUR_MS = 3_600_000
NO_ANSWER = ReadTimeoutError(endpoint_url="https://ses")


def order(order_id: str, email: str = "", **changes: Any) -> str:
    customer = SAMPLE["customer"] | {"email": email or f"{order_id}@example.com".lower()}
    now = datetime.now(UTC).isoformat()
    return json.dumps(SAMPLE | {"order_id": order_id, "ordered_at": now, "customer": customer} | changes)


def refusal(code: str, status: int = 400, text: str = "") -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": text}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "SendEmail")


ERROR = refusal("InternalFailure", 500)


class Given:
    """The function on a queue of its own."""

    def __init__(self, clients: TestClients, table_name: str) -> None:
        self.clients = clients
        self.table_name = table_name
        self.queue = clients.queue("send")
        self.dead_letters = clients.queue("send-dead-letters")
        self.environment = {
            "LEDGER_TABLE_NAME": table_name,
            "SEND_QUEUE_URL": self.queue,
            "SEND_DEAD_LETTER_QUEUE_URL": self.dead_letters,
            "FEEDBACK_QUEUE_URL": clients.queue("feedback"),
            "FEEDBACK_DEAD_LETTER_QUEUE_URL": clients.queue("feedback-dead-letters"),
            "FEEDBACK_UNDELIVERED_QUEUE_URL": clients.queue("feedback-undelivered"),
            "CONFIGURATION_SET_NAME": "notifications",
            "FROM_ADDRESS": "orders@example.com",
            "RECIPIENT_HASH_KEY": "key",
            "MAXIMUM_EVENT_AGE_HOURS": "72",
            "RECORD_RETENTION_DAYS": "365",
            "SETTLE_WINDOW_SECONDS": "900",
            "DECISION_AFTER_MINUTES": "60",
            "RESEND_AFTER_SILENCE": "answered",
            "SEND_QUEUE_MAX_RECEIVES": "250",
            "SEND_MAXIMUM_CONCURRENCY": "2",
            "SES_RATE_SHARE_PERCENT": "80",
            "SES_FALLBACK_RATE_PER_SECOND": "1",
            "FUNCTION_TIMEOUT_SECONDS": "60",
        }
        self.application = Application(SendSettings.from_environment(self.environment), clients)

    def received(self, *bodies: str) -> dict[str, Any]:
        return self.clients.received(self.queue, *bodies)

    def handle(self, event: dict[str, Any], remaining_ms: int = REMAINING_MS) -> set[str]:
        return returned(self.application.handle(event, remaining_ms))

    def age(self, order_id: str, by_ms: int = HOUR_MS) -> None:
        """Make the attempt on an order so much older."""
        [(key, item)] = [
            (key, item)
            for key, item in stored_items(self.clients.table, self.table_name).items()
            if item["order_id"] == order_id
        ]
        moments = [name for name in ("claimed_at_ms", "send_by_ms", "first_look_ms") if name in item]
        self.clients.table.update_item(
            TableName=self.table_name,
            Key=primary_key(key),
            UpdateExpression="SET " + ", ".join(f"{name} = {name} - :by" for name in moments),
            ExpressionAttributeValues={":by": {"N": str(by_ms)}},
        )

    def wait(self, record: dict[str, Any]) -> int | None:
        """After how many seconds the message is visible again; None if that was not set."""
        return self.clients.waits.get(record["receiptHandle"])


@pytest.fixture
def given(clients: TestClients, table_name: str, emitted: Emitted) -> Given:
    return Given(clients, table_name)


def test_message_is_acknowledged_logged_and_counted_when_ses_accepts(given: Given, emitted: Emitted) -> None:
    event = given.received(order("A-1"))
    [record] = event["Records"]

    assert given.handle(event) == set()

    assert given.clients.fake_ses.accepted == ["a-1@example.com"]
    [(key, item)] = stored_items(given.clients.table, given.table_name).items()
    assert item["status"] == "SENT"
    assert given.wait(record) is None
    [line] = emitted.lines("email")
    assert (line["outcome"], line["queue_message_id"], line["correlation_id"]) == (
        "accepted",
        record["messageId"],
        record["messageId"],
    )
    assert (line["order_key"], line["notification"], line["attempt"]) == (key.order_key, key.notification, 1)
    assert line["message_id"] == "message-of-a-1@example.com"
    metrics = emitted.metrics()
    assert metrics.pop(metric_names.ACCEPTANCE_LATENCY) == [line["latency_ms"]]
    assert metrics == {metric_names.EMAILS_ACCEPTED: [1.0]}


def test_copy_of_an_order_event_is_acknowledged_and_counts_nothing(given: Given, emitted: Emitted) -> None:
    body = order("A-1")
    given.handle(given.received(body))
    emitted.metrics()

    assert given.handle(given.received(body)) == set()

    assert given.clients.fake_ses.accepted == ["a-1@example.com"]
    assert emitted.lines("email")[-1]["outcome"] == "duplicate"
    assert emitted.metrics() == {}


def test_only_the_unfinished_messages_of_a_batch_come_back_each_after_its_own_back_off(
    given: Given, emitted: Emitted
) -> None:
    outcomes = {
        "accepted": None,
        "deferred": refusal("TooManyRequestsException", 429),
        "unreachable": EndpointConnectionError(endpoint_url="https://ses"),
        "configuration": refusal("AccountSuspendedException"),
        "unanswered": NO_ANSWER,
        "failed": refusal("MessageRejected", text="Address blacklisted."),
    }
    script = {f"{name}@example.com": error for name, error in outcomes.items() if error}
    given.clients.fake_ses.script = dict(script)
    event = given.received(*(order(name) for name in outcomes), "{}")
    ids = dict(zip([*outcomes, "refused"], [one["messageId"] for one in event["Records"]], strict=True))
    records = {record["messageId"]: record for record in event["Records"]}

    come_back = given.handle(event)

    assert come_back == {ids[name] for name in ("deferred", "unreachable", "configuration", "unanswered")}
    lines = {line["queue_message_id"]: line for line in emitted.lines("email")}
    assert {name: lines[id_]["outcome"] for name, id_ in ids.items()} == {
        "accepted": "accepted",
        "deferred": "deferred",
        "unreachable": "deferred",
        "configuration": "configuration",
        "unanswered": "unknown",
        "failed": "failed",
        "refused": "refused_event",
    }
    for id_, record in records.items():
        logged = lines[id_].get("retry_after_seconds")
        assert (logged is not None) == (id_ in come_back)
        assert given.wait(record) == (None if logged is None else round(logged))
    assert given.clients.bodies_in(given.dead_letters) == ["{}"]
    metrics = emitted.metrics()
    assert len(metrics.pop(metric_names.ACCEPTANCE_LATENCY)) == 1
    assert metrics == {
        metric_names.EMAILS_ACCEPTED: [1.0],
        metric_names.SEND_FAILURES: [1.0, 1.0],
        metric_names.EMAILS_FAILED: [1.0],
        metric_names.UNKNOWN_OUTCOMES: [1.0],
    }


def test_unforeseen_error_returns_its_message_alone_and_is_counted_without_its_words(
    given: Given, emitted: Emitted
) -> None:
    given.clients.queues.delete_queue(QueueUrl=given.dead_letters)
    event = given.received('{"type": "secret words"}', order("A-1"))
    broken, sound = event["Records"]

    assert given.handle(event) == {broken["messageId"]}

    assert given.wait(broken) == 4  # 5 s times 0.9, to an even number
    assert given.wait(sound) is None
    [line] = [line for line in emitted.lines("email") if line["outcome"] == "error"]
    assert line["queue_message_id"] == broken["messageId"]
    assert line["level"] == "ERROR"
    assert "NonExistentQueue" in line["detail"] or "QueueDoesNotExist" in line["detail"]
    assert "secret words" not in emitted.log.getvalue()
    assert emitted.metrics()[metric_names.SEND_FAILURES] == [1.0]


def test_synthetic_order_is_sent_and_no_rate_counts_it(given: Given, emitted: Emitted) -> None:
    assert given.handle(given.received(order("A-1", ADDRESS))) == set()
    [line] = emitted.lines("email")
    assert (line["outcome"], line["synthetic"]) == ("accepted", True)
    assert set(emitted.metrics()) == {metric_names.ACCEPTANCE_LATENCY}


def answered_with_error(given: Given, *order_ids: str) -> list[str]:
    """Orders whose emails SES has answered with an error, a settle window ago and longer; their messages."""
    given.clients.fake_ses.script = {f"{id_}@example.com".lower(): ERROR for id_ in order_ids}
    bodies = [order(id_) for id_ in order_ids]
    given.handle(given.received(*bodies))
    given.clients.fake_ses.script.clear()
    for id_ in order_ids:
        given.age(id_)
    return bodies


def test_attempt_after_an_error_of_ses_is_counted_apart_and_has_no_latency(
    given: Given, emitted: Emitted
) -> None:
    [body] = answered_with_error(given, "A-1")
    emitted.metrics()

    event = given.received(body)
    assert given.handle(event) == {event["Records"][0]["messageId"]}
    assert given.clients.fake_ses.accepted == []
    given.age("A-1", 60_000)
    assert given.handle(given.received(body)) == set()

    assert given.clients.fake_ses.accepted == ["a-1@example.com"]
    line = emitted.lines("email")[-1]
    assert (line["outcome"], line["attempt"], line["resend_after_unknown"]) == ("accepted", 2, True)
    assert emitted.metrics() == {metric_names.EMAILS_ACCEPTED: [1.0], metric_names.UNKNOWN_RESENT: [1.0]}


@pytest.mark.parametrize("queue", ["FEEDBACK", "FEEDBACK_DEAD_LETTER", "FEEDBACK_UNDELIVERED"])
def test_attempt_is_not_repeated_while_an_event_waits_in_any_feedback_queue(
    given: Given, emitted: Emitted, queue: str
) -> None:
    [body] = answered_with_error(given, "A-1")
    given.clients.queues.send_message(
        QueueUrl=given.environment[f"{queue}_QUEUE_URL"], MessageBody="an event"
    )

    event = given.received(body)

    assert given.handle(event) == {event["Records"][0]["messageId"]}
    assert emitted.lines("email")[-1]["outcome"] == "undecided"
    assert "first_look_ms" not in next(iter(stored_items(given.clients.table, given.table_name).values()))


def test_attempt_is_not_repeated_while_another_of_the_time_lacks_its_event(
    given: Given, emitted: Emitted
) -> None:
    [body] = answered_with_error(given, "A-1")
    given.handle(given.received(order("A-2")))
    given.age("A-2")
    given.handle(given.received(body))
    line = emitted.lines("email")[-1]
    assert (line["outcome"], line["detail"]) == (
        "undecided",
        "answered, an email accepted around it has no event yet",
    )


def test_message_that_waits_for_a_person_is_counted_at_each_look_and_set_aside_in_the_end(
    given: Given, emitted: Emitted
) -> None:
    given.clients.fake_ses.script = {"a-1@example.com": NO_ANSWER}
    body = order("A-1")
    given.handle(given.received(body))
    emitted.metrics()
    given.age("A-1", 2 * HOUR_MS)

    event = given.received(body)
    assert given.handle(event) == {event["Records"][0]["messageId"]}
    line = emitted.lines("email")[-1]
    assert (line["outcome"], line["awaits_decision"], line["level"]) == ("undecided", True, "WARNING")
    assert emitted.metrics() == {metric_names.AWAITING_DECISION: [1.0]}

    event["Records"][0]["attributes"]["ApproximateReceiveCount"] = "250"
    assert given.handle(event) == set()
    assert given.clients.bodies_in(given.dead_letters) == [body]
    assert emitted.metrics() == {metric_names.AWAITING_DECISION: [1.0]}


def test_other_content_of_a_sent_order_is_acknowledged_and_stands_out_in_the_log(
    given: Given, emitted: Emitted
) -> None:
    given.handle(given.received(order("A-1")))
    emitted.metrics()
    assert given.handle(given.received(order("A-1", "other@example.com"))) == set()
    line = emitted.lines("email")[-1]
    assert (line["outcome"], line["level"]) == ("content_mismatch", "WARNING")
    assert emitted.metrics() == {}
    assert given.clients.fake_ses.accepted == ["a-1@example.com"]


def test_nothing_is_sent_when_the_invocation_has_no_time_left(given: Given, emitted: Emitted) -> None:
    event = given.received(order("A-1"))
    [record] = event["Records"]
    assert given.handle(event, remaining_ms=30_000) == {record["messageId"]}
    assert given.clients.fake_ses.accepted == []
    assert emitted.lines("email")[0]["outcome"] == "deferred"


def test_entry_point_makes_the_function_of_its_environment(
    given: Given, emitted: Emitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in given.environment.items():
        monkeypatch.setenv(name, text)
    module = importlib.reload(importlib.import_module("send_email"))
    event = given.received("{}")
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: REMAINING_MS)
    assert module.handler(event, context) == {"batchItemFailures": []}
    assert given.clients.bodies_in(given.dead_letters) == ["{}"]
