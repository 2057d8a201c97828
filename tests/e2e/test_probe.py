"""The probe: an order that a schedule publishes goes the whole way, and counts in no rate."""

from __future__ import annotations

import time
from collections.abc import Iterator
from unittest.mock import ANY

import pytest

from notifications.evidence import Sign
from notifications.ledger_table import LedgerTable
from tests.support.system import FAST, STACK_NAME, System, deployed, wait_for


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """With probes, of which the first comes after 10 minutes."""
    parameters = FAST | {"ProbeMinutes": "10", "ResendAfterSilence": "all"}
    with deployed(tmp_path_factory.mktemp("probe") / "emulator.log", parameters) as system:
        yield system


def test_probe_is_delivered_and_counted_apart(system: System) -> None:
    system.start_synthetic_probe()
    [email] = wait_for("the probe's email", system.control.accepted)
    assert email["to"] == ["success+probe@simulator.amazonses.com"]
    [id_] = [word for word in email["subject"].split() if word.startswith("probe-")]
    record = system.wait_for_status(id_.rstrip("."), "DELIVERED")
    assert record["order_id"] == f"probe-{record['occurred_at'].replace('.000Z', 'Z')}"
    wait_for("the metric", lambda: system.counted("ProbesDelivered") == 1)
    assert system.counted("AcceptanceLatency") > 0
    assert not system.counted("EmailsAccepted")
    assert not system.counted("EmailsDelivered")


def test_probe_shows_that_events_come_where_attempts_without_an_answer_are_made_again(
    system: System,
) -> None:
    ledger = LedgerTable(system.aws.dynamodb, system.outputs["LedgerTableName"])
    start_ms = int(time.time() * 1000)
    system.start_synthetic_probe()
    wait_for("the marker", lambda: (Sign.HEARD, ANY) in ledger.signs(start_ms + 60_000, 60_000))


def test_deployment_without_probes_has_no_schedule_of_them(tmp_path_factory: pytest.TempPathFactory) -> None:
    with deployed(tmp_path_factory.mktemp("no-probe") / "emulator.log", {"ProbeMinutes": "0"}) as system:
        names = [one["Name"] for one in system.client("scheduler").list_schedules()["Schedules"]]
    assert names == [f"{STACK_NAME}-check-ledger"]
