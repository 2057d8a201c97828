"""The operators' commands about emails, on the whole system: find, stats, resend, suppression, audit."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ops import cli, targets
from ops.targets import Deployed
from tests.support.operator_process import start, stop_at
from tests.support.system import FAST, STACK_NAME, System, deployed, order, order_id, wait_for


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with deployed(tmp_path_factory.mktemp("operators") / "emulator.log", FAST) as system:
        yield system


@pytest.fixture(autouse=True)
def operator(system: System, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The operators' commands are about this system."""
    found = Deployed(STACK_NAME, system.aws, system.outputs, datetime.now(UTC))
    monkeypatch.setattr(targets, "find", lambda _env, _region: found)
    yield
    system.control.clear_faults()


@pytest.fixture
def event_file(tmp_path: Path) -> Path:
    return tmp_path / "order.json"


def notify(*arguments: str, exit_code: int = 0) -> Any:
    result = CliRunner().invoke(cli.app, arguments)
    assert result.exit_code == exit_code, result.output
    return result


def as_json(*arguments: str, exit_code: int = 0) -> Any:
    return json.loads(notify(*arguments, "--json", exit_code=exit_code).stdout)


def send(system: System, file: Path, to: str, status: str) -> str:
    """Send an order, keep its event, wait for its outcome; returns its id."""
    event = order(to=to)
    file.write_text(json.dumps(event))
    system.publish(event)
    id_ = str(event["order_id"])
    wait_for(f"{id_} to be {status}", lambda: [r["status"] for r in system.records(id_)] == [status])
    return id_


def bounced(system: System, file: Path) -> str:
    return send(system, file, f"bounce+{order_id()}@simulator.amazonses.com", "BOUNCED")


def resent(system: System, id_: str, status: str = "DELIVERED") -> dict[str, Any]:
    """Wait until the order's only resend has the status; returns its record."""

    def look() -> list[dict[str, Any]]:
        return [r for r in system.records(id_) if r.get("resend_of") and r["status"] == status]

    [record] = wait_for(f"the resend of {id_} to be {status}", look)
    return record


def audits(action: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = as_json("audit", "--since", "1h")
    return [item for item in found if item["action"] == action]


def test_bounce_is_found_by_order_and_by_address_with_what_to_do(system: System, event_file: Path) -> None:
    id_ = bounced(system, event_file)
    address = json.loads(event_file.read_text())["customer"]["email"]

    [by_order] = as_json("find", id_)
    [by_address] = wait_for("the index", lambda: as_json("find", "--email", address.upper()))

    assert by_order == by_address
    assert by_order["status"] == "BOUNCED"
    assert f"notify resend {id_} --to NEW" in by_order["next_step"]
    assert "Ask the customer for another address" in notify("find", id_).stdout
    notify("find", "--email", "nobody@example.com", exit_code=1)


def test_publish_sends_to_the_environment_that_is_named(system: System, event_file: Path) -> None:
    event = order()
    event_file.write_text(json.dumps(event))
    notify("publish", str(event_file))
    system.wait_for_status(event["order_id"], "DELIVERED")


def test_stats_tell_volumes_rates_and_what_waits(system: System, event_file: Path) -> None:
    before = as_json("stats", "--since", "1h")
    send(system, event_file, "success@simulator.amazonses.com", "DELIVERED")
    bounced(system, event_file)

    def counted() -> dict[str, Any]:
        now: dict[str, Any] = as_json("stats", "--since", "1h")
        names = ("accepted", "delivered", "ended", "hard_bounces")
        return now if [now[name] - before[name] for name in names] == [2, 1, 2, 1] else {}

    stats = wait_for("the metrics", counted)
    assert stats["delivery_rate"] == stats["delivered"] / stats["ended"]
    assert 0 < stats["latency_p50_ms"] <= stats["latency_p99_ms"]
    assert set(stats["dead_letters"].values()) == {0}
    assert f"{STACK_NAME}-send" in stats["waiting"]
    assert "hard bounces" in notify("stats").stdout


def test_resend_reaches_another_address_and_is_linked_to_the_first(system: System, event_file: Path) -> None:
    id_ = bounced(system, event_file)
    new = f"success+{id_}@simulator.amazonses.com"
    command = ("resend", id_, "--to", new, "--event", str(event_file), "--reason", "ticket 4711")

    assert "nothing was sent" in notify(*command).stderr
    assert len(system.accepted(id_)) == 1
    assert as_json(*command, "--yes")["to"] == new

    record = resent(system, id_)
    assert record["recipient"] == new
    assert record["resend_of"] == "order_confirmation"
    assert [mail["to"] for mail in system.accepted(id_)][1:] == [[new]]
    [audit] = [item for item in audits("resend") if item["facts"]["resend"] == record["notification"]]
    assert audit["reason"] == "ticket 4711"
    assert audit["by"].startswith("arn:aws:")
    assert new not in json.dumps(audit)

    again = notify(*command, "--yes", exit_code=1)
    assert "made before" in again.stderr
    system.wait_until_drained()
    assert len(system.accepted(id_)) == 2


@pytest.mark.parametrize("phase", ["before", "after"])
def test_resend_that_is_killed_and_repeated_makes_one_email(
    system: System, event_file: Path, phase: str
) -> None:
    id_ = bounced(system, event_file)
    new = f"success+{id_}@simulator.amazonses.com"
    reason = f"killed {phase} its event was published"
    command = ("resend", id_, "--to", new, "--event", str(event_file), "--reason", reason, "--yes")
    notify("hold", "--reason", "so that the second run cannot see what the first one did")

    stop_at(system, {"operation": "sns:Publish", "match": id_, "phase": phase}, *command)
    notify(*command)

    notify("resume", "--reason", "both have run")
    resent(system, id_)
    system.wait_until_drained()
    assert len(system.accepted(id_)) == 2
    assert len([item for item in audits("resend") if item["reason"] == reason]) == 2
    assert "made before" in notify(*command, exit_code=1).stderr


def test_two_operators_who_resend_at_the_same_moment_make_one_email(system: System, event_file: Path) -> None:
    id_ = bounced(system, event_file)
    new = f"success+{id_}@simulator.amazonses.com"
    command = ("resend", id_, "--to", new, "--event", str(event_file), "--yes", "--reason")
    # Each has seen the ledger before the other writes to it.
    system.control.set_faults(
        [{"name": "slow", "operation": "dynamodb:TransactWriteItems", "effect": "delay", "seconds": 5}]
    )
    operators = [start(system, *command, words) for words in ("ticket 4711", "the customer has called")]
    for operator in operators:
        operator.communicate()

    assert sorted(operator.returncode for operator in operators) == [0, 1]
    resent(system, id_)
    system.wait_until_drained()
    assert len(system.accepted(id_)) == 2


def test_resend_is_refused_while_the_first_email_may_yet_arrive(system: System, event_file: Path) -> None:
    system.control.set_ses(events_held=True)
    id_ = send(system, event_file, "success@simulator.amazonses.com", "SENT")
    refused = notify("resend", id_, "--event", str(event_file), "--reason", "ticket 1", "--yes", exit_code=1)
    assert "may yet arrive" in refused.stderr
    system.control.set_ses(events_held=False)
    system.wait_for_status(id_, "DELIVERED")
    assert len(system.accepted(id_)) == 1


def test_resend_to_a_suppressed_address_is_refused_until_it_is_off_the_list(
    system: System, event_file: Path
) -> None:
    mailbox = f"full-{order_id().lower()}@example.com"
    system.control.set_ses(
        outcomes={mailbox: [{"event": "Bounce", "type": "Permanent", "subtype": "General"}]}
    )
    id_ = send(system, event_file, mailbox, "BOUNCED")
    resend = ("resend", id_, "--event", str(event_file), "--reason", "the mailbox is well again", "--yes")
    assert "suppression list (BOUNCE)" in notify(*resend, exit_code=1).stderr

    shown = as_json("suppression", "show", mailbox)
    assert shown["suppressed"]["reason"] == "BOUNCE"
    assert shown["suppressed"]["message_id"] == system.records(id_)[0]["message_id"]
    assert [one["order_id"] for one in shown["orders"]] == [id_]

    remove = ("suppression", "remove", mailbox, "--reason", "the mailbox is well again")
    assert "nothing was changed" in notify(*remove).stderr
    as_json("suppression", "show", mailbox)
    notify(*remove, "--yes")
    notify("suppression", "show", mailbox, exit_code=1)
    notify(*remove, "--yes", exit_code=1)
    [audit] = audits("suppression remove")
    assert mailbox not in json.dumps(audit)

    system.control.set_ses(outcomes={})
    notify(*resend)
    assert resent(system, id_)["recipient"] == mailbox


def test_complaint_stays_on_the_list_unless_the_recipient_has_asked_for_mail(system: System) -> None:
    address = f"{order_id()}@example.com"
    ses = system.client("sesv2")
    ses.put_suppressed_destination(EmailAddress=address, Reason="COMPLAINT")
    remove = ("suppression", "remove", address, "--reason", "asked for it by letter", "--yes")

    assert "reported an email as spam" in notify(*remove, exit_code=1).stderr
    assert as_json("suppression", "show", address)["suppressed"]["message_id"] is None

    notify(*remove, "--complaint")
    notify("suppression", "show", address, exit_code=1)


def test_stale_emails_are_those_that_the_daily_check_reports(system: System, event_file: Path) -> None:
    notify("find", "--stale", exit_code=1)
    id_ = send(system, event_file, "success@simulator.amazonses.com", "DELIVERED")
    [record] = system.records(id_)
    days_ago = datetime.fromtimestamp(time.time() - 4 * 86400, UTC).isoformat()
    key = {name: {"S": record[name]} for name in ("order_key", "notification")}
    system.aws.dynamodb.update_item(
        TableName=system.outputs["LedgerTableName"],
        Key=key,
        UpdateExpression="SET #status = :sent, sent_at = :then",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":sent": {"S": "SENT"}, ":then": {"S": days_ago}},
    )

    stale = as_json("find", "--stale")

    assert stale["by_finding"] == {"not_sent": 0, "no_outcome": 1, "undecided": 0}
    assert [one["order_id"] for one in stale["notifications"]] == [id_]
    assert "outcomes-missing" in stale["notifications"][0]["next_step"]
    system.aws.dynamodb.delete_item(TableName=system.outputs["LedgerTableName"], Key=key)
