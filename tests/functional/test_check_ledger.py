"""The daily check as a whole: what it logs and counts, and what it leaves alone."""

from __future__ import annotations

import importlib
from datetime import UTC, datetime, timedelta

import pytest

from notifications import metric_names
from notifications.applications.check_ledger import Application
from notifications.evidence import ResendAfterSilence, SettlingRules
from notifications.keys import NotificationKey
from notifications.ledger import Claim, Claimed, accepted, failed, released
from notifications.ledger_table import LedgerTable
from notifications.settings import CheckSettings
from notifications.times import epoch_ms, iso
from tests.support.functions import Emitted, TestClients
from tests.support.ledger_table import stored_items

NOW = datetime(2026, 11, 25, 6, tzinfo=UTC)
STUCK, SILENT, UNDECIDED, FRESH = (NotificationKey(digit * 32, "order_confirmation") for digit in "abcd")
AGES = {
    STUCK: timedelta(days=5),
    SILENT: timedelta(days=4),
    UNDECIDED: timedelta(hours=2),
    FRESH: timedelta(hours=1),
}
RULES = SettlingRules(900_000, 3_600_000, ResendAfterSilence.ANSWERED)


@pytest.fixture
def application(clients: TestClients, table_name: str) -> Application:
    return Application(CheckSettings(table_name, 900, 60, 60), clients)


@pytest.fixture
def notifications(clients: TestClients, table_name: str) -> None:
    """One whose message was lost, one whose outcome never came, one of unknown outcome, one under way."""
    ledger = LedgerTable(clients.table, table_name)
    for key, age in AGES.items():
        at, claimed_ms = iso(NOW - age), epoch_ms(NOW - age)
        claim = Claim(claimed_ms, at, claimed_ms, "token", "content", RULES, key.open_shard)
        claimed = ledger.claim(key, claim)
        assert isinstance(claimed, Claimed)
        if key == SILENT:
            ledger.record_result(key, accepted(claimed, "message", at))
        if key == STUCK:
            ledger.record_result(key, released(claimed, "Throttling", at))


@pytest.mark.usefixtures("notifications")
def test_overdue_notifications_are_listed_and_counted_and_left_as_they_are(
    application: Application, clients: TestClients, table_name: str, emitted: Emitted
) -> None:
    before = stored_items(clients.table, table_name)

    findings = application.check(NOW)

    assert findings.overdue == 3
    listed = {line["order_key"]: line for line in emitted.lines("overdue")}
    assert {key: (line["finding"], line["status"], line["age_hours"]) for key, line in listed.items()} == {
        STUCK.order_key: ("not_sent", "READY", 120),
        UNDECIDED.order_key: ("undecided", "SENDING", 2),
        SILENT.order_key: ("no_outcome", "SENT", 96),
    }
    assert all((line["level"], line["attempt"]) == ("WARNING", 1) for line in listed.values())
    [check] = emitted.lines("check")
    assert check["overdue"] == 3
    assert check["by_finding"] == {"not_sent": 1, "no_outcome": 1, "undecided": 1}
    assert (check["not_listed"], check["overdue_longer"]) == (0, 0)
    assert (check["failed"], emitted.lines("failed")) == (0, [])
    days = {line["day"]: (line["notifications"], line["statuses"]) for line in emitted.lines("tally")}
    assert days["2026-11-20"] == (1, {"READY": 1})
    assert days["2026-11-21"] == (1, {"SENT": 1})
    assert emitted.metrics() == {
        metric_names.NOTIFICATIONS_OVERDUE: [2.0],
        metric_names.AWAITING_DECISION: [1.0],
    }
    assert stored_items(clients.table, table_name) == before


def test_zero_is_counted_when_nothing_is_overdue(application: Application, emitted: Emitted) -> None:
    assert application.check(NOW).overdue == 0
    assert emitted.lines("overdue") == []
    assert emitted.metrics() == {
        metric_names.NOTIFICATIONS_OVERDUE: [0.0],
        metric_names.AWAITING_DECISION: [0.0],
    }


@pytest.mark.usefixtures("clients", "emitted")
def test_entry_point_makes_the_function_of_its_environment(
    table_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEDGER_TABLE_NAME", table_name)
    monkeypatch.setenv("SETTLE_WINDOW_SECONDS", "900")
    monkeypatch.setenv("DECISION_AFTER_MINUTES", "60")
    monkeypatch.setenv("FUNCTION_TIMEOUT_SECONDS", "60")
    module = importlib.reload(importlib.import_module("check_ledger"))
    assert module.handler({}, None) == {"overdue": 0}


def test_each_refused_email_is_listed_with_its_reason_and_without_an_operators_words(
    application: Application, clients: TestClients, table_name: str, emitted: Emitted
) -> None:
    ledger = LedgerTable(clients.table, table_name)
    begun, at = iso(NOW - timedelta(days=30)), iso(NOW - timedelta(hours=3))
    refused = ledger.claim(STUCK, Claim(0, begun, 1, "token", "content", RULES, "0"))
    put_off = ledger.claim(SILENT, Claim(0, at, 1, "token", "content", RULES, "0"))
    assert isinstance(refused, Claimed)
    assert isinstance(put_off, Claimed)
    ledger.record_result(STUCK, failed(refused, "BadRequestException", at))
    ledger.record_result(SILENT, released(put_off, "words of somebody", at))

    assert application.check(NOW).overdue == 0

    [line] = emitted.lines("failed")
    assert (line["order_key"], line["notification"]) == (STUCK.order_key, STUCK.notification)
    assert (line["level"], line["reason"], line["age_hours"]) == ("WARNING", "BadRequestException", 3)
    assert "words of somebody" not in emitted.log.getvalue()
    assert emitted.lines("check")[-1]["failed"] == 1
