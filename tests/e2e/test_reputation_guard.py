"""From a spike of bounces to a hold of sending, and from there back, with every order sent once."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from ops import cli, targets
from ops.commands import hold
from ops.targets import Deployed
from tests.support.alerts import Subscriber
from tests.support.system import FAST, STACK_NAME, System, deployed, order, order_id, wait_for

HOUR = 3600
DELIVERED, BOUNCED = 20, 8
"""Enough emails for the hold line, of which more than 10 % bounce."""
WAITING = 10


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    log = tmp_path_factory.mktemp("guard") / "emulator.log"
    with deployed(log, FAST | {"ReputationGuard": "hold"}) as system:
        yield system


@pytest.fixture(autouse=True)
def operator(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """The operators' commands are about this system."""
    found = Deployed(STACK_NAME, system.aws, system.outputs, datetime.now(UTC))
    monkeypatch.setattr(targets, "find", lambda _env, _region: found)


def is_taking_orders(system: System) -> bool:
    mapping = system.client("lambda").get_event_source_mapping(UUID=system.outputs["SendEmailMappingId"])
    return str(mapping["State"]) == "Enabled"


def unhealthy() -> list[str]:
    """What `notify status` says is not as it should be."""
    done = CliRunner().invoke(cli.app, ["status", "--json"])
    found = [finding["what"] for finding in json.loads(done.stdout) if not finding["is_healthy"]]
    assert done.exit_code == (1 if found else 0)
    return found


def items(system: System, order_key: str) -> list[dict[str, Any]]:
    found = system.aws.dynamodb.query(
        TableName=system.outputs["LedgerTableName"],
        KeyConditionExpression="order_key = :key",
        ExpressionAttributeValues={":key": {"S": order_key}},
    )["Items"]
    return [{name: next(iter(value.values())) for name, value in item.items()} for item in found]


def publish_waiting(system: System) -> list[str]:
    ids = [order_id() for _ in range(WAITING)]
    for id_ in ids:
        system.publish(order(id_))
    wait_for("the orders to wait", lambda: system.waiting() == WAITING)
    return ids


def assert_all_sent_once(system: System, ids: list[str]) -> None:
    for id_ in ids:
        system.wait_for_status(id_, "DELIVERED")
    system.wait_until_drained()
    assert [len(system.accepted(id_)) for id_ in ids] == [1] * len(ids)


def test_spike_of_bounces_holds_sending_until_an_operator_resumes_it(system: System) -> None:
    subscriber = Subscriber(system)
    system.emulator.control.evaluate_alarms()
    outcomes = {order_id(): "DELIVERED" for _ in range(DELIVERED)} | {
        order_id(): "BOUNCED" for _ in range(BOUNCED)
    }
    for id_, status in outcomes.items():
        mailbox = "success" if status == "DELIVERED" else "bounce"
        system.publish(order(id_, to=f"{mailbox}+{id_}@simulator.amazonses.com"))
    for id_, status in outcomes.items():
        system.wait_for_status(id_, status)
    wait_for("the metrics", lambda: system.counted("HardBounces") == BOUNCED)
    wait_for("the metrics", lambda: system.counted("EmailsAccepted") == len(outcomes))
    assert is_taking_orders(system)
    assert unhealthy() == []

    system.emulator.control.evaluate_alarms(time.time() + 60)

    wait_for("the hold", lambda: not is_taking_orders(system))
    assert (f"{STACK_NAME}-reputation-at-risk", "ALARM") in subscriber.told()
    [held] = items(system, "~hold")
    assert held["by"] == "reputation guard"
    assert {"alarm reputation-at-risk (ticket)", "sending"} <= set(unhealthy())
    sent_before = len(system.control.accepted())

    ids = publish_waiting(system)
    # The alarm ends, and a deployment comes: neither lifts the hold.
    system.emulator.control.evaluate_alarms(time.time() + 3 * HOUR)
    assert system.update(LogLevel="DEBUG", SendMaximumConcurrency="3").outcome == "updated"
    assert not is_taking_orders(system)
    assert system.waiting() == WAITING
    assert len(system.control.accepted()) == sent_before

    hold.resume(reason="The list of addresses is mended")

    assert_all_sent_once(system, ids)
    assert items(system, "~hold") == []
    audits = {item["action"]: item for item in items(system, "~audit")}
    assert audits["hold"]["by"] == "reputation guard"
    assert audits["resume"]["by"].startswith("arn:aws:")
    assert audits["resume"]["reason"] == "The list of addresses is mended"
    assert int(audits["resume"]["expires_at"]) > time.time() + 700 * 24 * HOUR


def test_operator_holds_and_resumes(system: System) -> None:
    hold.hold(reason="SES asked us to")
    assert not is_taking_orders(system)
    ids = publish_waiting(system)

    with pytest.raises(typer.Exit) as exited:
        hold.hold(reason="Again")
    assert exited.value.exit_code == 1
    [held] = items(system, "~hold")
    assert held["reason"] == "SES asked us to"

    hold.resume(reason="They are content")
    assert_all_sent_once(system, ids)
    with pytest.raises(typer.Exit):
        hold.resume(reason="To be sure")
    assert is_taking_orders(system)


def test_other_alarms_leave_sending_alone(system: System) -> None:
    """One that somebody points at the guard has no permission to invoke it."""
    guard = f"arn:aws:lambda:us-east-1:000000000000:function:{STACK_NAME}-guard-reputation"
    system.client("cloudwatch").put_metric_alarm(
        AlarmName=f"{STACK_NAME}-another",
        Namespace="AWS/SQS",
        MetricName="NumberOfMessagesSent",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=0,
        ComparisonOperator="GreaterThanThreshold",
        AlarmActions=[guard],
    )
    system.client("cloudwatch").set_alarm_state(
        AlarmName=f"{STACK_NAME}-another", StateValue="ALARM", StateReason="a trial"
    )
    id_ = order_id()
    system.publish(order(id_))
    system.wait_for_status(id_, "DELIVERED")
    assert is_taking_orders(system)
