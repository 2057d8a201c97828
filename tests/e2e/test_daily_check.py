"""The daily check: what has left the queue is found, told and left as it is."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from notifications.times import epoch_ms, iso
from tests.support.system import System, wait_for

PREFIX = "email-notifications-local"
LOG_GROUP = f"/aws/lambda/{PREFIX}-check-ledger"
CANARY = "canary@example.com"


@pytest.fixture
def ledger(system: System) -> Iterator[Ledger]:
    used = Ledger(system)
    yield used
    used.clear()


class Ledger:
    """The ledger's table, into which records are put as an earlier loss would have left them."""

    def __init__(self, system: System) -> None:
        self._client, self._table = system.aws.dynamodb, system.outputs["LedgerTableName"]
        self._keys: list[dict[str, Any]] = []

    def put(self, status: str, ago: timedelta, sent: bool = False) -> str:
        """Put a record that last moved so long ago; returns its order key."""
        key, at = uuid.uuid4().hex, iso(datetime.now(UTC) - ago)
        item: dict[str, Any] = {
            **{"order_key": {"S": key}, "notification": {"S": "order_confirmation"}},
            **{"status": {"S": status}, "attempt": {"N": "2"}, "resends": {"N": "1"}},
            **{"created_at": {"S": at}, "updated_at": {"S": at}, "recipient": {"S": CANARY}},
            "send_by_ms": {"N": str(epoch_ms(datetime.now(UTC) - ago))},
            **({"sent_at": {"S": at}} if sent else {}),
        }
        self._client.put_item(TableName=self._table, Item=item)
        self._keys.append({name: item[name] for name in ("order_key", "notification")})
        return key

    def items(self) -> list[dict[str, Any]]:
        return [self._client.get_item(TableName=self._table, Key=key).get("Item", {}) for key in self._keys]

    def clear(self) -> None:
        while self._keys:
            self._client.delete_item(TableName=self._table, Key=self._keys.pop())


def check(system: System) -> int:
    """Run the check as its schedule does; returns how many it found."""
    name = system.outputs["CheckLedgerFunctionName"]
    answer = system.client("lambda").invoke(FunctionName=name, Payload=b"{}")
    assert "FunctionError" not in answer, answer["Payload"].read()
    found: int = json.loads(answer["Payload"].read())["overdue"]
    return found


def log(system: System, message: str) -> list[dict[str, Any]]:
    """Lines of the function's log with this message."""
    events = system.client("logs").filter_log_events(logGroupName=LOG_GROUP)["events"]
    lines = [json.loads(event["message"]) for event in events if event["message"].startswith("{")]
    return [line for line in lines if line.get("message") == message]


@dataclass(frozen=True)
class Emitted:
    """What of the metric has been emitted so far: how often, and how much altogether."""

    times: int
    total: int


def emitted(system: System) -> Emitted:
    now = datetime.now(UTC)
    points = system.client("cloudwatch").get_metric_statistics(
        Namespace="EmailNotifications",
        MetricName="NotificationsOverdue",
        Dimensions=[{"Name": "service", "Value": PREFIX}],
        StartTime=now - timedelta(days=1),
        EndTime=now + timedelta(days=1),
        Period=86400,
        Statistics=["SampleCount", "Sum"],
    )["Datapoints"]
    return Emitted(int(sum(p["SampleCount"] for p in points)), int(sum(p["Sum"] for p in points)))


def test_check_emits_zero_when_nothing_is_overdue(system: System, ledger: Ledger) -> None:
    ledger.put("SENDING", timedelta(0))
    ledger.put("READY", timedelta(days=3))
    ledger.put("SENT", timedelta(hours=71), sent=True)
    ledger.put("DELIVERED", timedelta(days=30), sent=True)
    before = emitted(system)
    assert check(system) == 0
    wait_for("the metric", lambda: emitted(system) == Emitted(before.times + 1, before.total))


def test_overdue_notifications_are_listed_and_counted_and_left_as_they_are(
    system: System, ledger: Ledger
) -> None:
    lost = ledger.put("READY", timedelta(days=5))
    undecided = ledger.put("SENDING", timedelta(hours=3))
    released = ledger.put("READY", timedelta(days=4, hours=1))
    silent = ledger.put("SENT", timedelta(hours=73), sent=True)
    ledger.put("SENT", timedelta(days=30), sent=True)
    items, messages, before = ledger.items(), system.control.accepted(), emitted(system)

    assert check(system) == 4

    def listed() -> dict[str, Any]:
        found = {line["order_key"]: line for line in log(system, "overdue")}
        return found if found.keys() >= {lost, undecided, released, silent} else {}

    lines = wait_for("the findings", listed)
    assert {key: lines[key]["finding"] for key in (lost, undecided, released, silent)} == {
        lost: "not_sent",
        undecided: "undecided",
        released: "not_sent",
        silent: "no_outcome",
    }
    assert lines[undecided]["status"] == "SENDING"
    assert lines[lost]["notification"] == "order_confirmation"
    assert (lines[lost]["attempt"], lines[lost]["age_hours"]) == (2, 120)
    wait_for(
        "the summary", lambda: [s for s in log(system, "check") if s["overdue"] == 4 and s["overdue_longer"]]
    )
    wait_for("the metric", lambda: emitted(system) == Emitted(before.times + 1, before.total + 3))
    assert ledger.items() == items
    assert system.control.accepted() == messages


def test_each_day_is_tallied(system: System, ledger: Ledger) -> None:
    day = timedelta(days=6)
    for _ in range(2):
        ledger.put("DELIVERED", day, sent=True)
    ledger.put("BOUNCED", day, sent=True)
    check(system)

    wanted = (datetime.now(UTC) - day).date().isoformat()

    def account() -> list[dict[str, Any]]:
        return [line for line in log(system, "tally") if line["day"] == wanted and line["notifications"]]

    [line] = wait_for("the account", account)
    assert line["statuses"] == {"DELIVERED": 2, "BOUNCED": 1}
    assert (line["notifications"], line["resends"]) == (3, 3)


def test_log_of_the_check_tells_nothing_that_a_customer_supplied(system: System, ledger: Ledger) -> None:
    key = ledger.put("SENDING", timedelta(days=5))
    assert CANARY in str(ledger.items())
    check(system)
    wait_for("the finding", lambda: [line for line in log(system, "overdue") if line["order_key"] == key])
    events = system.client("logs").filter_log_events(logGroupName=LOG_GROUP)["events"]
    assert not [event for event in events if CANARY in event["message"]]


def test_schedule_starts_the_check_every_day(system: System) -> None:
    schedule = system.client("scheduler").get_schedule(Name=f"{PREFIX}-check-ledger", GroupName=PREFIX)
    function = system.client("lambda").get_function(FunctionName=system.outputs["CheckLedgerFunctionName"])
    assert schedule["State"] == "ENABLED"
    assert schedule["ScheduleExpression"] == "cron(0 3 * * ? *)"
    assert schedule["Target"]["Arn"] == function["Configuration"]["FunctionArn"]


def test_check_runs_when_its_schedule_is_due(system: System) -> None:
    """The same target and role, at a time that is now."""
    scheduler = system.client("scheduler")
    schedule = scheduler.get_schedule(Name=f"{PREFIX}-check-ledger", GroupName=PREFIX)
    runs = len(log(system, "check"))
    scheduler.create_schedule(
        Name=f"once-{uuid.uuid4().hex}",
        GroupName=PREFIX,
        ScheduleExpression=f"at({datetime.now(UTC):%Y-%m-%dT%H:%M:%S})",
        FlexibleTimeWindow={"Mode": "OFF"},
        ActionAfterCompletion="DELETE",
        Target=schedule["Target"],
    )
    wait_for("the check", lambda: len(log(system, "check")) > runs)
