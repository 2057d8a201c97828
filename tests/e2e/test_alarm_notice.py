"""From a burst of bounces to the notice that a subscriber gets; and every number of the dashboard is there.

On a system of its own: the time of its alarms runs ahead.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from ci.emulator.cloudwatch.dashboards import metric_widgets, widget_queries
from tests.support.alerts import Subscriber
from tests.support.system import FAST, STACK_NAME, System, deployed, order, order_id, wait_for

BURST = 12
HOUR = 3600
BOUNCES, PAGE = f"{STACK_NAME}-bounce-rate-high", f"{STACK_NAME}-emails-at-risk"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """With probes, of which the first comes after 10 minutes."""
    with deployed(
        tmp_path_factory.mktemp("alarms") / "emulator.log", FAST | {"ProbeMinutes": "10"}
    ) as system:
        yield system


@pytest.fixture(scope="module")
def subscriber(system: System) -> Subscriber:
    return Subscriber(system)


def state(system: System, alarm: str) -> str:
    found = system.client("cloudwatch").describe_alarms(
        AlarmNames=[alarm], AlarmTypes=["MetricAlarm", "CompositeAlarm"]
    )
    [one] = found["MetricAlarms"] + found["CompositeAlarms"]
    return str(one["StateValue"])


def after_a_minute() -> float:
    """The moment by which what has been measured until now counts (epoch seconds)."""
    return time.time() + 60


def send(system: System, mailbox: str, status: str, domain: str = "simulator.amazonses.com") -> None:
    id_ = order_id()
    system.publish(order(id_, to=f"{mailbox}+{id_}@{domain}"))
    system.wait_for_status(id_, status)


def test_subscriber_gets_one_notice_of_a_burst_of_bounces_and_one_of_its_end(
    system: System, subscriber: Subscriber
) -> None:
    system.emulator.control.evaluate_alarms()
    assert state(system, PAGE) == "OK"
    subscriber.notices()

    for _ in range(BURST):
        send(system, "bounce", "BOUNCED")
    wait_for("the metric", lambda: system.counted("HardBounces") >= BURST)
    system.emulator.control.evaluate_alarms(after_a_minute())

    assert state(system, BOUNCES) == "ALARM"
    [notice] = [notice for notice in subscriber.notices() if notice["NewStateValue"] == "ALARM"]
    assert notice["AlarmName"] == PAGE
    assert "Severity: page. Runbook: docs/runbooks/" in notice["AlarmDescription"]
    [cause] = notice["TriggeringChildren"]
    assert cause["Arn"].endswith(f":alarm:{BOUNCES}")

    # One more that pages, while the first lasts, and then both end.
    undelivered = system.outputs["OrderEventsUndeliveredQueueUrl"]
    system.aws.sqs.send_message(QueueUrl=undelivered, MessageBody="{}")
    system.emulator.control.evaluate_alarms(after_a_minute())
    assert state(system, f"{STACK_NAME}-undelivered-messages") == "ALARM"
    assert PAGE not in {alarm for alarm, _ in subscriber.told()}

    system.aws.sqs.purge_queue(QueueUrl=undelivered)
    system.emulator.control.evaluate_alarms(time.time() + 5 * HOUR)
    assert (PAGE, "OK") in subscriber.told()


def test_ticket_is_told_at_once_and_by_itself(system: System, subscriber: Subscriber) -> None:
    system.publish("{")
    wait_for("the dead letter", lambda: system.waiting("SendDeadLetterQueueUrl"))
    subscriber.notices()

    system.emulator.control.evaluate_alarms(time.time() + 6 * HOUR)

    assert (f"{STACK_NAME}-dead-letters-present", "ALARM") in subscriber.told()


def test_every_number_of_the_dashboard_is_there_once_everything_has_happened(system: System) -> None:
    for mailbox, status in [("success", "DELIVERED"), ("bounce", "BOUNCED"), ("complaint", "COMPLAINED")]:
        send(system, mailbox, status)
    # SES leaves its simulator out of the account's rates.
    send(system, "ada", "DELIVERED", "example.com")
    system.publish("[")
    refuse_one(system)
    leave_one_unknown(system)
    system.start_synthetic_probe()
    system.client("lambda").invoke(FunctionName=system.outputs["CheckLedgerFunctionName"], Payload=b"{}")
    system.emulator.control.evaluate_alarms()

    cloudwatch = system.client("cloudwatch")
    body = json.loads(
        cloudwatch.get_dashboard(DashboardName=system.outputs["DashboardName"])["DashboardBody"]
    )
    now = datetime.now(UTC)

    def missing() -> list[str]:
        return [
            f"{widget['title']}: {result['Label']}"
            for widget in metric_widgets(body)
            for result in cloudwatch.get_metric_data(
                MetricDataQueries=widget_queries(widget),
                StartTime=now - timedelta(days=2),
                EndTime=now + timedelta(days=1),
            )["MetricDataResults"]
            if not result["Values"]
        ]

    found: list[str] = []

    def complete() -> bool:
        found[:] = missing()
        return not found

    wait_for_all(complete, found)


def wait_for_all(complete: Callable[[], bool], missing: list[str]) -> None:
    """Wait until nothing is missing, and else say what is."""
    try:
        wait_for("every number", complete)
    except AssertionError as error:
        raise AssertionError(f"missing on the dashboard: {missing}") from error


def refuse_one(system: System) -> None:
    """An order that SES refuses until the configuration is mended, which it is at once."""
    refusal = {
        **{"name": "refuse", "operation": "ses:SendEmail", "effect": "error", "limit": 1, "status": 400},
        **{"code": "MailFromDomainNotVerifiedException", "message": "not verified"},
    }
    system.control.set_faults([refusal])
    send(system, "success", "DELIVERED")
    system.control.clear_faults()


def leave_one_unknown(system: System) -> None:
    """An order whose first attempt is answered by nothing and reaches nobody: a person has it sent again."""
    unanswered = {
        "name": "lost",
        "operation": "ses:SendEmail",
        "effect": "reset",
        "phase": "before",
        "limit": 1,
    }
    system.control.set_faults([unanswered])
    id_ = order_id()
    system.publish(order(id_))
    wait_for("the fault", lambda: system.control.faults()[0]["hits"])
    system.control.clear_faults()
    system.wait_for_status(id_, "DELIVERED")


def test_queries_are_saved_for_the_log_groups_of_the_functions(system: System) -> None:
    logs = system.client("logs")
    saved = logs.describe_query_definitions(queryDefinitionNamePrefix=f"{STACK_NAME}/")["queryDefinitions"]
    groups = {group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]}

    assert {query["name"].split("/")[1] for query in saved} == {
        "duplicates and repetitions",
        "emails by type",
        "failures by reason",
        "one order's story",
        "slowest emails",
    }
    assert {name for query in saved for name in query["logGroupNames"]} <= groups
