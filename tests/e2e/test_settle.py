"""Emails of which nobody knows whether SES took them, on the whole system: `notify settle`, one and many."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from typer.testing import CliRunner

from notifications.times import iso
from ops import cli, targets
from ops.targets import Deployed
from tests.support.system import FAST, STACK_NAME, System, deployed, order, wait_for

SEND_DLQ = "SendDeadLetterQueueUrl"


@pytest.fixture(scope="module")
def running_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with deployed(tmp_path_factory.mktemp("settle") / "emulator.log", FAST) as system:
        yield system


@pytest.fixture
def system(running_system: System, monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    found = Deployed(STACK_NAME, running_system.aws, running_system.outputs, datetime.now(UTC))
    monkeypatch.setattr(targets, "find", lambda _env, _region: found)
    yield running_system
    running_system.control.clear_faults()
    running_system.control.set_ses(events_held=False)
    for output in ("SendQueueUrl", SEND_DLQ):
        running_system.aws.sqs.purge_queue(QueueUrl=running_system.outputs[output])


def notify(*arguments: str, exit_code: int = 0) -> Any:
    result = CliRunner().invoke(cli.app, arguments)
    assert result.exit_code == exit_code, result.output
    return result


def settle(*arguments: str) -> dict[str, str]:
    """Decide; what came of it, by order."""
    done = notify("settle", *arguments, "--reason", "INC-1", "--yes", "--json")
    return {one["order_id"]: one["became"] for one in json.loads(done.stdout)["attempts"]}


def leave_in_doubt(system: System, *phases: str) -> list[dict[str, Any]]:
    """Orders whose answers are lost: `after` SES has taken the email, or `before`. No event comes.

    Returns
    -------
    list
        Their events, once their attempts are in doubt.
    """
    system.control.set_ses(events_held=True)
    events = []
    for phase in phases:
        event = order()
        lost = {"name": "lost", "operation": "ses:SendEmail", "effect": "reset", "phase": phase, "limit": 1}
        system.control.set_faults([lost])
        system.publish(event)
        wait_for("the lost answer", lambda: system.control.faults()[0]["hits"])
        events.append(event)
    system.control.clear_faults()
    wait_for("their settle windows to pass", lambda: all(is_in_doubt(system, event) for event in events))
    return events


def is_in_doubt(system: System, event: dict[str, Any]) -> bool:
    [record] = system.records(event["order_id"])
    assert record["status"] == "SENDING"
    settled_ms = record["send_by_ms"] + int(FAST["SettleWindowSeconds"]) * 1000
    return bool(datetime.now(UTC).timestamp() * 1000 > settled_ms)


def emails(system: System, *events: dict[str, Any]) -> list[int]:
    return [len(system.accepted(event["order_id"])) for event in events]


def bury(system: System, event: dict[str, Any]) -> None:
    """The order's message waits among the dead letters, and nowhere else."""
    system.aws.sqs.purge_queue(QueueUrl=system.outputs["SendQueueUrl"])
    system.aws.sqs.send_message(QueueUrl=system.outputs[SEND_DLQ], MessageBody=json.dumps(event))


def test_each_choice_does_what_it_says_and_nobody_gets_a_second_email(system: System) -> None:
    taken, lost, unwanted = leave_in_doubt(system, "after", "before", "before")
    ids = [event["order_id"] for event in (taken, lost, unwanted)]
    assert json.loads(notify("stats", "--json").stdout)["undecided"] == 3
    details = [one["detail"] for one in json.loads(notify("status", "--json", exit_code=1).stdout)]
    assert any("3 emails wait for a person" in detail for detail in details)
    assert f"notify settle {ids[0]}" in notify("find", ids[0]).stdout
    shown = notify("settle", ids[0])
    assert "unanswered" in shown.stdout
    assert "nothing was changed" in shown.stderr

    assert settle(ids[0], "--sent") == {ids[0]: "recorded_as_sent"}
    assert settle(ids[1], "--send-again") == {ids[1]: "awaits_order_event"}
    assert settle(ids[2], "--give-up") == {ids[2]: "given_up"}

    # Its message is in the send queue still.
    wait_for("the new attempt", lambda: system.status(ids[1]) == "SENT")
    system.control.set_ses(events_held=False)
    for id_ in ids[:2]:
        system.wait_for_status(id_, "DELIVERED")
    for event in (taken, lost, unwanted):
        system.publish(event)
    system.wait_until_drained()
    assert emails(system, taken, lost, unwanted) == [1, 1, 0]
    assert system.status(ids[2]) == "ABANDONED"
    [record] = system.records(ids[0])
    assert record["message_id"] == system.accepted(ids[0])[0]["message_id"]
    audits = [one for one in json.loads(notify("audit", "--json").stdout) if one["action"] == "settle"]
    assert sorted(one["facts"]["choice"] for one in audits) == ["give_up", "send_again", "sent"]
    assert json.loads(notify("stats", "--json").stdout)["undecided"] == 0


def test_order_among_the_dead_letters_waits_for_the_decision_and_is_then_sent(system: System) -> None:
    [lost] = leave_in_doubt(system, "before")
    id_ = lost["order_id"]
    bury(system, lost)

    plan = json.loads(notify("dlq", "redrive", "--all", "--reason", "INC-1", "--json").stdout)
    assert [one["verdict"] for one in plan["messages"]] == [
        f"waits for a person's decision: `notify settle {id_}`"
    ]
    assert settle(id_, "--send-again") == {id_: "redriven"}

    system.control.set_ses(events_held=False)
    system.wait_for_status(id_, "DELIVERED")
    assert emails(system, lost) == [1]
    assert system.waiting(SEND_DLQ) == 0


def test_incident_of_many_is_settled_by_one_command(system: System) -> None:
    begin = iso(datetime.now(UTC))
    events = leave_in_doubt(system, *["before"] * 6)
    between = ("--between", begin, iso(datetime.now(UTC) + timedelta(minutes=1)))

    assert set(settle(*between, "--send-again").values()) == {"awaits_order_event"}
    # Decided, they stay listed until their new attempts are claimed.
    system.control.set_ses(events_held=False)
    for event in events:
        system.wait_for_status(event["order_id"], "DELIVERED")
    system.wait_until_drained()
    assert emails(system, *events) == [1] * 6
    assert json.loads(notify("stats", "--json").stdout)["awaiting_order_event"] == 0


def test_late_event_wins_while_an_order_that_is_to_be_sent_again_has_not_come(system: System) -> None:
    [taken] = leave_in_doubt(system, "after")
    id_ = taken["order_id"]
    system.aws.sqs.purge_queue(QueueUrl=system.outputs["SendQueueUrl"])

    assert settle(id_, "--send-again") == {id_: "awaits_order_event"}
    assert json.loads(notify("stats", "--json").stdout)["awaiting_order_event"] == 1
    assert "waits for its order event" in " ".join(notify("find", id_).stdout.split())
    system.control.set_ses(events_held=False)
    system.wait_for_status(id_, "DELIVERED")
    system.publish(taken)
    system.wait_until_drained()

    assert emails(system, taken) == [1]
    assert json.loads(notify("find", id_, "--json").stdout)[0]["duplicate_message_ids"] == []


def test_event_that_comes_after_the_new_attempt_shows_the_person_s_duplicate(system: System) -> None:
    [taken] = leave_in_doubt(system, "after")
    id_ = taken["order_id"]
    first = system.accepted(id_)[0]["message_id"]

    settle(id_, "--send-again")
    wait_for("the new attempt", lambda: system.status(id_) == "SENT")
    system.control.set_ses(events_held=False)
    system.wait_for_status(id_, "DELIVERED")

    wait_for("the event of the first", lambda: duplicates(id_) == [f"1:{first}"])
    assert emails(system, taken) == [2]


def duplicates(id_: str) -> list[str]:
    [found] = json.loads(notify("find", id_, "--json").stdout)
    return list(found["duplicate_message_ids"])
