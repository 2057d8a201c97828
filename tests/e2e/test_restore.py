"""The ledger loses and garbles records; `notify restore` brings them back, and nobody gets a second email."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from typer.testing import CliRunner

from ops import cli, targets
from ops.targets import Deployed
from tests.support.operator_process import stop_at
from tests.support.system import FAST, STACK_NAME, System, deployed, order, order_id, wait_for


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with deployed(tmp_path_factory.mktemp("restore") / "emulator.log", FAST) as system:
        yield system


@pytest.fixture(autouse=True)
def operator(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """The operators' commands are about this system."""
    found = Deployed(STACK_NAME, system.aws, system.outputs, datetime.now(UTC))
    monkeypatch.setattr(targets, "find", lambda _env, _region: found)


def notify(*arguments: str, exit_code: int = 0) -> Any:
    result = CliRunner().invoke(cli.app, arguments)
    assert result.exit_code == exit_code, result.output
    return result


def send(system: System, status: str = "DELIVERED", mailbox: str = "success") -> dict[str, Any]:
    """Send an order and wait for its outcome; returns its event."""
    event = order(to=f"{mailbox}@simulator.amazonses.com")
    system.publish(event)
    system.wait_for_status(event["order_id"], status)
    return event


def key(system: System, event: dict[str, Any]) -> dict[str, Any]:
    [record] = system.records(event["order_id"])
    return {name: {"S": record[name]} for name in ("order_key", "notification")}


def lose(system: System, event: dict[str, Any]) -> None:
    system.aws.dynamodb.delete_item(TableName=system.outputs["LedgerTableName"], Key=key(system, event))


def garble(system: System, event: dict[str, Any]) -> None:
    system.aws.dynamodb.update_item(
        TableName=system.outputs["LedgerTableName"],
        Key=key(system, event),
        UpdateExpression="SET #status = :ready REMOVE message_id",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":ready": {"S": "READY"}},
    )


def end_of_this_second() -> datetime:
    """The next whole second, once it has begun: recovery is by the second."""
    moment = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
    wait_for("the second to end", lambda: datetime.now(UTC) > moment)
    return moment


def tables(system: System) -> list[str]:
    return system.aws.dynamodb.list_tables()["TableNames"]


def test_lost_and_garbled_records_come_back_and_nobody_gets_a_second_email(system: System) -> None:
    untouched, garbled, lost = send(system), send(system), send(system)
    system.control.set_ses(events_held=True)
    orphaned = send(system, "SENT", "bounce")
    # SES accepts this one, but at the moment of the backup nobody knows.
    system.control.set_faults(
        [
            {
                "name": "answer lost",
                "operation": "ses:SendEmail",
                "limit": 1,
                "effect": "reset",
                "phase": "after",
            }
        ]
    )
    in_flight = send(system, "SENDING")
    moment = end_of_this_second()
    system.control.clear_faults()
    lose(system, orphaned)
    system.control.set_ses(events_held=False)
    system.wait_for_status(in_flight["order_id"], "DELIVERED")
    too_new = send(system)
    system.wait_until_drained("FeedbackQueueUrl")
    # What comes between the loss and the hold finds no record: nothing may be left to come.
    system.wait_until_drained()

    for event in (lost, in_flight, too_new):
        lose(system, event)
    garble(system, garbled)
    command = ("restore", "--to", moment.isoformat(), "--reason", "a script has deleted records")
    assert "nothing was changed" in notify(*command).stderr
    assert system.status(lost["order_id"]) is None

    first_record = {"operation": "dynamodb:PutItem", "match": "fingerprint", "phase": "after"}
    stop_at(system, first_record, *command, "--yes")
    assert any("-restore-" in name for name in tables(system))
    waiting = order()
    system.publish(waiting)
    done = notify(*command, "--yes")

    assert "going on with table" in done.stderr
    assert "sending stays on hold" in done.stderr
    assert not any("-restore-" in name for name in tables(system))
    for event in (untouched, garbled, lost, in_flight, too_new):
        assert system.status(event["order_id"]) == "DELIVERED"
    assert system.status(orphaned["order_id"]) == "BOUNCED"
    assert system.accepted(waiting["order_id"]) == []
    audits = json.loads(notify("audit", "--json").stdout)
    assert {one["action"] for one in audits} == {"hold", "restore"}

    notify("resume", "--reason", "the ledger is whole again")
    known = (untouched, garbled, lost, orphaned, in_flight, too_new)
    for event in known:
        system.publish(event)
    system.wait_for_status(waiting["order_id"], "DELIVERED")
    system.wait_until_drained()
    assert [len(system.accepted(event["order_id"])) for event in (*known, waiting)] == [1] * 7


def begin(system: System, id_: str, **fault: str | int) -> dict[str, Any]:
    """Publish an order and wait until its email has run into this fault."""
    event = order(id_, to=f"success+{id_}@simulator.amazonses.com")
    system.control.set_faults(
        [{"name": "once", "operation": "ses:SendEmail", "match": id_, "limit": 1} | fault]
    )
    system.publish(event)
    wait_for("the fault", lambda: system.control.faults()[0]["hits"])
    system.control.clear_faults()
    return event


def in_doubt(system: System, *events: dict[str, Any]) -> bool:
    """Whether a person may decide on all of them."""
    window_ms = int(FAST["SettleWindowSeconds"]) * 1000
    records = [record for event in events for record in system.records(event["order_id"])]
    assert {record["status"] for record in records} == {"SENDING"}
    return all(datetime.now(UTC).timestamp() * 1000 > record["send_by_ms"] + window_ms for record in records)


def settle(event: dict[str, Any], choice: str) -> Any:
    return notify("settle", event["order_id"], choice, "--reason", "INC-1", "--yes")


def test_what_is_under_way_when_the_ledger_is_lost_is_sent_once_or_waits_for_a_person(system: System) -> None:
    """Events are silent from before the backup until sending goes on."""
    system.control.set_ses(events_held=True)
    ids = [order_id() for _ in range(7)]
    unanswered = begin(system, ids[0], effect="reset", phase="before")
    settled = begin(system, ids[1], effect="reset", phase="after")
    again = begin(system, ids[2], effect="reset", phase="before")
    wait_for("their windows to pass", lambda: in_doubt(system, unanswered, settled, again))
    settle(settled, "--sent")
    silent = send(system, "SENT")
    answered = begin(system, ids[3], effect="error", status=500, code="InternalServiceErrorException")
    system.wait_for_status(ids[3], "SENDING")
    moment = end_of_this_second()
    settle(again, "--send-again")
    system.wait_for_status(ids[2], "SENT")
    lost_answer = begin(system, ids[4], effect="reset", phase="after")
    died = begin(system, ids[5], effect="kill", phase="after")
    system.wait_for_status(ids[4], "SENDING")
    known = (unanswered, settled, again, silent, answered, lost_answer, died)
    notify("hold", "--reason", "records are gone")
    for event in known:
        lose(system, event)

    done = notify("restore", "--to", moment.isoformat(), "--reason", "records are gone", "--yes", "--json")

    statuses = [system.status(event["order_id"]) for event in known]
    assert statuses == ["SENDING", "SENT", "SENT", "SENT", "SENDING", "SENDING", "SENDING"]
    counts = json.loads(done.stdout)["counts"]
    assert (counts["from_logs"], counts["in_doubt"]) == (1, 1)
    [record] = system.records(ids[1])
    assert "message_id" not in record
    open_ones = [system.records(event["order_id"])[0] for event in known if event is not settled]
    assert all(record["open_shard"] and record["claimed_at_ms"] for record in open_ones)

    notify("resume", "--reason", "the ledger is whole again")
    # What SES has answered with an error before the loss is no more certain than what it has not answered.
    wait_for("their windows to pass", lambda: in_doubt(system, unanswered, answered, lost_answer, died))
    for event, choice in (
        (unanswered, "--send-again"),
        (answered, "--send-again"),
        (lost_answer, "--sent"),
        (died, "--sent"),
    ):
        settle(event, choice)
    system.control.set_ses(events_held=False)
    for event in known:
        system.wait_for_status(event["order_id"], "DELIVERED")
        system.publish(event)
    system.wait_until_drained()
    assert [len(system.accepted(event["order_id"])) for event in known] == [1] * 7


def test_time_that_is_not_kept_is_refused_with_the_times_that_are(system: System) -> None:
    refused = notify("restore", "--to", "2020-01-01T00:00:00Z", "--reason", "to try", exit_code=2)
    assert "Choose a time from" in refused.stderr
    notify("restore", "--to", "2020-01-01T00:00:00", "--reason", "to try", exit_code=2)
