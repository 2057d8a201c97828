"""The guard as a whole: when its alarm is raised it holds sending, says so in its log, and never resumes."""

from __future__ import annotations

import importlib
import json
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest

from notifications import telemetry
from notifications.applications.guard_reputation import BY, REASON, Application
from notifications.clients import Clients
from notifications.settings import GuardSettings
from tests.support.held_sending import FakeAws

NOW = datetime(2026, 11, 25, 6, tzinfo=UTC)
HOLD = ("~hold", "sending")


def event(state: str) -> dict[str, Any]:
    """As in https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-actions-Lambda.html"""
    arn = "arn:aws:cloudwatch:us-east-1:111122223333:alarm:email-notifications-prod-reputation-at-risk"
    at = "2026-11-25T06:00:00.000+0000"
    return {
        "source": "aws.cloudwatch",
        "alarmArn": arn,
        "accountId": "111122223333",
        "time": at,
        "region": "us-east-1",
        "alarmData": {
            "alarmName": arn.rsplit(":", 1)[1],
            "state": {"value": state, "reason": "Threshold Crossed", "timestamp": at},
            "previousState": {"value": "OK", "reason": "", "timestamp": at},
            "configuration": {"description": "", "metrics": []},
        },
    }


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> FakeAws:
    fake = FakeAws()
    monkeypatch.setattr(Clients, "dynamodb", lambda _self: fake)
    monkeypatch.setattr(Clients, "functions", lambda _self: fake)
    return fake


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> StringIO:
    stream = StringIO()
    handler = telemetry.logger.registered_handler
    monkeypatch.setattr(handler, "stream", stream)
    return stream


@pytest.fixture
def application(aws: FakeAws) -> Application:
    return Application(GuardSettings("ledger", "mapping", 60), Clients(60))


def held_lines(log: StringIO) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    return [line for line in lines if line["message"] == "hold"]


def test_alarm_holds_sending_and_notes_who_and_why(
    application: Application, aws: FakeAws, log: StringIO
) -> None:
    assert application.handle(event("ALARM"), NOW) is True

    assert not aws.is_enabled
    assert {name: aws.items[HOLD][name]["S"] for name in ("by", "reason")} == {"by": BY, "reason": REASON}
    assert aws.actions() == ["hold"]
    [line] = held_lines(log)
    assert (line["level"], line["by"], line["reason"], line["is_new"]) == ("WARNING", BY, REASON, True)


def test_event_that_comes_twice_holds_once(application: Application, aws: FakeAws, log: StringIO) -> None:
    application.handle(event("ALARM"), NOW)
    assert application.handle(event("ALARM"), NOW) is True

    assert not aws.is_enabled
    assert aws.actions() == ["hold"]
    assert [line["is_new"] for line in held_lines(log)] == [True, False]


@pytest.mark.parametrize("state", ["OK", "INSUFFICIENT_DATA"])
def test_end_of_the_alarm_changes_nothing(application: Application, aws: FakeAws, state: str) -> None:
    assert application.handle(event(state), NOW) is False
    assert aws.is_enabled
    assert aws.items == {}

    application.handle(event("ALARM"), NOW)
    application.handle(event(state), NOW)
    assert not aws.is_enabled


def test_event_of_another_kind_is_an_error_and_holds_nothing(application: Application, aws: FakeAws) -> None:
    with pytest.raises(KeyError):
        application.handle({"Records": []}, NOW)
    assert aws.is_enabled


def test_entry_point_makes_the_function_of_its_environment(
    aws: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEDGER_TABLE_NAME", "ledger")
    monkeypatch.setenv("SEND_EMAIL_MAPPING_ID", "mapping")
    monkeypatch.setenv("FUNCTION_TIMEOUT_SECONDS", "60")
    module = importlib.import_module("guard_reputation")

    assert module.handler(event("ALARM"), None) == {"held": True}
    assert not aws.is_enabled
