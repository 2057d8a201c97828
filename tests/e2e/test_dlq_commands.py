"""The operators' commands about dead letters, on a deployed system: what is redriven, left and given up."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import typer

from notifications.audit import AUDIT_ORDER_KEY
from notifications.keys import notification_key
from ops import ledger_lookup, targets
from ops.commands import dlq
from ops.dead_letters.messages import QueueName
from ops.targets import Deployed
from tests.support.documented_events import documented_event
from tests.support.operator_process import stop_at
from tests.support.system import FAST, STACK_NAME, System, deployed, order, wait_for

SEND_DLQ = "SendDeadLetterQueueUrl"
FEEDBACK_DLQ = "FeedbackDeadLetterQueueUrl"
WHY = "The publisher's release is mended"


@pytest.fixture(scope="module")
def running_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with deployed(tmp_path_factory.mktemp("dlq") / "emulator.log", FAST) as system:
        yield system


@pytest.fixture
def system(running_system: System, monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    """The operators' commands are about this system; each test begins and ends with empty queues."""
    found = Deployed(STACK_NAME, running_system.aws, running_system.outputs, datetime.now(UTC))
    monkeypatch.setattr(targets, "find", lambda _env, _region: found)
    yield running_system
    running_system.settle_faults()
    for output in (SEND_DLQ, FEEDBACK_DLQ):
        running_system.aws.sqs.purge_queue(QueueUrl=running_system.outputs[output])


def bury(system: System, body: dict[str, Any] | str, output: str = SEND_DLQ, **attributes: str) -> str:
    """Put a message into a dead-letter queue, as the functions do; returns its id."""
    sent = system.aws.sqs.send_message(
        QueueUrl=system.outputs[output],
        MessageBody=body if isinstance(body, str) else json.dumps(body),
        MessageAttributes={
            name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
        },
    )
    return sent["MessageId"]


def refused(system: System, body: dict[str, Any]) -> str:
    """A dead letter that the function of an earlier release has put there."""
    return bury(
        system,
        body,
        error_field="total.amount",
        error_reason="must be a decimal string",
        email_type="order_confirmation",
        correlation_id="c-1",
    )


def verdicts(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """The verdict on each message of a plan."""
    return {one["message_id"]: one["verdict"] for one in json.loads(capsys.readouterr().out)["messages"]}


def audits(system: System, action: str) -> list[dict[str, Any]]:
    trail = ledger_lookup.audit_trail(
        system.aws.dynamodb, system.outputs["LedgerTableName"], datetime.now(UTC) - timedelta(hours=1)
    )
    assert all(item["order_key"] == AUDIT_ORDER_KEY for item in trail)
    return [item for item in trail if item["action"] == action]


def test_selection_is_redriven_after_the_newest_code_has_judged_each_message(
    system: System, capsys: pytest.CaptureFixture[str]
) -> None:
    waiting, sent, old = order(), order(), order(ordered_at="2026-01-01T00:00:00Z")
    invalid = order(items=[])
    system.publish(sent)
    system.wait_for_status(sent["order_id"], "DELIVERED")
    ids = {name: refused(system, body) for name, body in (("waiting", waiting), ("sent", sent), ("old", old))}
    ids["invalid"] = bury(system, invalid, type="order_confirmation")

    dlq.list_(as_json=True)
    [of_send, *others] = json.loads(capsys.readouterr().out)
    assert {(group["reason"], group["count"]) for group in of_send["groups"]} == {
        ("total.amount must be a decimal string", 3),
        ("received too often", 1),
    }
    assert [other["messages"] for other in others] == [0, 0, 0]

    dlq.redrive(reason=WHY, everything=True, as_json=True)
    assert verdicts(capsys) == {
        ids["waiting"]: "will be sent",
        ids["sent"]: "already sent (DELIVERED): skipped, deleted as done",
        ids["old"]: "too old: ordered_at is more than 72 h ago",
        ids["invalid"]: "would be refused again: items must be a list of 1 to 500 objects",
    }
    assert system.waiting(SEND_DLQ) == 4
    assert audits(system, "dlq redrive") == []

    dlq.redrive(reason=WHY, everything=True, yes=True, as_json=True)
    done = json.loads(capsys.readouterr().out)["done"]
    assert (done["redriven"], done["deleted"], done["left"], done["not_handled"]) == (1, 1, 2, 0)
    record = system.wait_for_status(waiting["order_id"], "DELIVERED")
    assert record["correlation_id"] == "c-1"
    assert len(system.accepted(waiting["order_id"])) == len(system.accepted(sent["order_id"])) == 1
    assert set(system.dead_letters()) == {json.dumps(old), json.dumps(invalid)}
    [audit] = audits(system, "dlq redrive")
    assert (audit["reason"], audit["outcome"]) == (WHY, "1 redriven, 1 deleted, 2 left")


def test_looking_leaves_every_message_in_sight_and_hides_what_customers_gave(
    system: System, capsys: pytest.CaptureFixture[str]
) -> None:
    event = order(to="ada@example.com")
    id_ = bury(system, event, note="for ada@example.com")

    dlq.show(queue=QueueName.SEND)
    shown = capsys.readouterr().out
    assert "ada@example.com" not in shown
    assert "Ada" not in shown
    assert event["order_id"] in shown
    assert "no record" in shown
    assert "will be sent" in shown

    dlq.show(queue=QueueName.SEND, ids=[id_], body=True, as_json=True)
    [message] = json.loads(capsys.readouterr().out)
    assert json.loads(message["body"]) == event
    assert message["attributes"] == {"note": "for ada@example.com"}

    attributes = system.aws.sqs.get_queue_attributes(
        QueueUrl=system.outputs[SEND_DLQ], AttributeNames=["All"]
    )["Attributes"]
    assert attributes["ApproximateNumberOfMessages"] == "1"
    assert attributes["ApproximateNumberOfMessagesNotVisible"] == "0"


def test_discarded_order_is_never_sent_and_an_audit_item_says_why(
    system: System, capsys: pytest.CaptureFixture[str]
) -> None:
    event = order()
    refused(system, event)
    bury(system, "no JSON")

    dlq.discard(reason="The orders were cancelled", everything=True)
    assert system.records(event["order_id"]) == []
    dlq.discard(reason="The orders were cancelled", everything=True, yes=True)

    [record] = system.records(event["order_id"])
    assert (record["status"], record["reason"]) == ("ABANDONED", "The orders were cancelled")
    assert system.waiting(SEND_DLQ) == 0
    system.publish(event)
    system.wait_until_drained()
    assert system.status(event["order_id"]) == "ABANDONED"
    assert system.accepted(event["order_id"]) == []
    noted = audits(system, "dlq discard")
    assert sorted(item.get("record", "") for item in noted) == [
        "",
        f"{record['order_key']}/{record['notification']}",
    ]


def test_discard_gives_up_an_attempt_of_unknown_outcome_and_a_late_event_shows_that_it_was_sent(
    system: System, capsys: pytest.CaptureFixture[str]
) -> None:
    event = order()
    system.control.set_ses(events_held=True)
    system.control.set_faults(
        [{"name": "lost", "operation": "ses:SendEmail", "effect": "no_answer", "phase": "after", "limit": 1}]
    )
    system.publish(event)
    system.wait_for_status(event["order_id"], "SENDING")
    refused(system, event)

    dlq.discard(reason="Enough", everything=True, yes=True, as_json=True)
    assert "an attempt may be under way" in next(iter(verdicts(capsys).values()))
    wait_for("the attempt to be over", lambda: _is_over(system, event["order_id"]))
    dlq.discard(reason="Enough", everything=True, yes=True)
    assert system.status(event["order_id"]) == "ABANDONED"

    system.control.set_ses(events_held=False)
    system.wait_for_status(event["order_id"], "DELIVERED")
    system.wait_until_drained()
    assert len(system.accepted(event["order_id"])) == 1


def _is_over(system: System, id_: str) -> bool:
    [record] = system.records(id_)
    settled_ms = record["send_by_ms"] + int(FAST["SettleWindowSeconds"]) * 1000
    return datetime.now(UTC).timestamp() * 1000 > settled_ms


def test_feedback_is_redriven_unless_it_is_recorded_already_or_an_orphans(
    system: System, capsys: pytest.CaptureFixture[str]
) -> None:
    event = order()
    system.publish(event)
    record = system.wait_for_status(event["order_id"], "DELIVERED")
    key = notification_key("order_confirmation", event["order_id"])
    complaint = json.dumps(documented_body(("complaint", {}), key))
    orphan = json.dumps(
        documented_body(("complaint", {}), notification_key("order_confirmation", "nobody's"))
    )
    for body in (complaint, orphan, "no JSON"):
        bury(system, body, FEEDBACK_DLQ)

    dlq.redrive(reason=WHY, queue=QueueName.FEEDBACK, everything=True, yes=True, as_json=True)

    done = json.loads(capsys.readouterr().out)["done"]
    assert (done["redriven"], done["left"]) == (1, 2)
    system.wait_for_status(event["order_id"], "COMPLAINED")
    bury(system, complaint, FEEDBACK_DLQ)
    dlq.redrive(reason=WHY, queue=QueueName.FEEDBACK, everything=True, as_json=True)
    assert "recorded already: skipped, deleted as done" in verdicts(capsys).values()
    assert record["attempt"] == 1

    dlq.discard(reason="Nobody's", queue=QueueName.FEEDBACK, everything=True, yes=True)
    assert system.waiting(FEEDBACK_DLQ) == 0


def documented_body(kind: tuple[str, dict[str, str]], key: Any) -> Any:
    return json.loads(documented_event(kind, key, 1, 0))


def test_what_does_not_fit_is_told(system: System) -> None:
    with pytest.raises(typer.Exit) as exited:
        dlq.redrive(reason=WHY, ids=["no-such-message"])
    assert exited.value.exit_code == 1


# --- interrupted ------------------------------------------------------------------------------------


def redrive_stopped_at(
    system: System, operation: str, call: int, phase: str, signal_: signal.Signals
) -> tuple[int, str]:
    """Redrive, and send the signal while the given call is unanswered; returns how it ended."""
    queue = system.outputs["SendQueueUrl" if operation == "sqs:SendMessage" else SEND_DLQ]
    fault = {
        "operation": operation,
        "match": queue.rsplit("/", 1)[-1] + '"',
        "calls": [call],
        "phase": phase,
    }
    command = ("dlq", "redrive", "--all", "--reason", WHY, "--yes", "--rate", "50")
    return stop_at(system, fault, *command, signal_=signal_)


def test_every_order_is_sent_once_though_the_redrive_is_killed_again_and_again(
    system: System, capsys: pytest.CaptureFixture[str]
) -> None:
    valid, invalid = [order() for _ in range(45)], [order(items=[]) for _ in range(3)]
    sent = order()
    system.publish(sent)
    system.wait_for_status(sent["order_id"], "DELIVERED")
    for event in (*valid, *invalid, sent):
        refused(system, event)

    for operation, call, phase in (
        ("sqs:SendMessage", 2, "before"),
        ("sqs:SendMessage", 2, "after"),
        ("sqs:DeleteMessage", 3, "before"),
        ("sqs:DeleteMessage", 3, "after"),
    ):
        returncode, said = redrive_stopped_at(system, operation, call, phase, signal.SIGKILL)
        assert returncode == -signal.SIGKILL, said
    # What a killed run held comes back in sight by itself.
    wait_for("the messages to come back", lambda: _held(system) == 0)
    dlq.redrive(reason=WHY, everything=True, rate=50, yes=True)

    for event in valid:
        system.wait_for_status(event["order_id"], "DELIVERED")
    system.wait_until_drained()
    assert [len(system.accepted(event["order_id"])) for event in (*valid, sent)] == [1] * (len(valid) + 1)
    assert set(system.dead_letters()) == {json.dumps(event) for event in invalid}


def test_operator_who_stops_a_redrive_is_told_how_far_it_got(system: System) -> None:
    for _ in range(12):
        refused(system, order())

    returncode, said = redrive_stopped_at(system, "sqs:SendMessage", 3, "before", signal.SIGINT)

    assert returncode == 3
    assert "stopped after 2 of 12: 2 redriven" in said
    assert _held(system) == 0
    assert system.waiting(SEND_DLQ) == 10
    assert audits(system, "dlq redrive")[0]["outcome"] == "2 redriven"


def _held(system: System) -> int:
    attributes = system.aws.sqs.get_queue_attributes(
        QueueUrl=system.outputs[SEND_DLQ], AttributeNames=["All"]
    )["Attributes"]
    return int(attributes["ApproximateNumberOfMessagesNotVisible"])
