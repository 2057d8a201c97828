"""An account is looked at before a deployment, and a deployment is tried out afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from typer.testing import CliRunner

from ops import cli, targets
from ops import local as local_environment
from ops.targets import Deployed
from tests.support.system import STACK_NAME, System, deployed, wait_for

FEW_SECONDS = "8"
IDENTITY = "example.com"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with deployed(tmp_path_factory.mktemp("smoke") / "emulator.log") as system:
        yield system


@pytest.fixture(autouse=True)
def operator(system: System, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The operators' commands are about this system."""
    found = Deployed(STACK_NAME, system.aws, system.outputs, datetime.now(UTC))
    monkeypatch.setattr(targets, "find", lambda _env, _region: found)
    monkeypatch.setattr(local_environment, "get", lambda: found)
    yield
    system.settle_faults()
    system.control.set_ses(**HEALTHY)


HEALTHY: dict[str, Any] = {
    "sandbox": False,
    "sending_enabled": True,
    "max_send_rate": 200,
    "max_24_hour_send": 50_000,
    "verified_identities": None,
    "identity_details": {},
    "suppressed_reasons": ["BOUNCE", "COMPLAINT"],
}


def notify(*arguments: str) -> tuple[int, dict[str, Any]]:
    """Run a command; returns its exit code and its answer."""
    done = CliRunner().invoke(cli.app, [*arguments, "--json"])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.output
    return done.exit_code, json.loads(done.stdout)


def findings(answer: dict[str, Any], *severities: str) -> set[str]:
    return {one["check"] for one in answer["findings"] if one["severity"] in severities}


def steps(answer: dict[str, Any], *, passed: bool) -> dict[str, dict[str, Any]]:
    return {step["step"]: step for step in answer["steps"] if step["passed"] is passed}


def dead_letters(system: System) -> int:
    return system.waiting("SendDeadLetterQueueUrl")


def test_preflight_names_what_the_account_lacks_until_it_is_mended(system: System) -> None:
    system.control.set_ses(
        sandbox=True,
        sending_enabled=False,
        max_24_hour_send=10,
        max_send_rate=0.001,
        verified_identities=["other.example"],
        identity_details={IDENTITY: {"MailFromAttributes": {"MailFromDomain": None}}},
        suppressed_reasons=[],
    )
    exit_code, answer = notify("preflight")

    assert (exit_code, answer["ready"]) == (1, False)
    assert findings(answer, "must") == {"identity", "DKIM", "sending", "daily quota", "sending rate"}
    assert findings(answer, "should") >= {"sandbox", "MAIL FROM", "suppression list", "cost allocation tags"}
    assert findings(answer, "unknown") == {"DMARC"}
    remedies = [one["remedy"] for one in answer["findings"] if one["severity"] != "ok"]
    assert all(remedies)

    system.control.set_ses(**HEALTHY)
    keys = ("Service", "Environment", "Deployment")
    system.client("ce").update_cost_allocation_tags_status(
        CostAllocationTagsStatus=[{"TagKey": key, "Status": "Active"} for key in keys]
    )
    exit_code, answer = notify("preflight")

    assert (exit_code, answer["ready"]) == (0, True)
    assert findings(answer, "must") == set()
    assert findings(answer, "should") == {"alerts"}


def test_preflight_misses_an_identity_that_is_not_there(system: System) -> None:
    system.control.set_ses(verified_identities=["other.example"])
    exit_code, answer = notify("preflight")

    assert exit_code == 1
    [identity] = [one for one in answer["findings"] if one["check"] == "identity"]
    assert identity["what"] == f"{IDENTITY} is no SES identity in us-east-1."


def test_preflight_says_which_rights_its_caller_lacks(system: System) -> None:
    denied = {"effect": "error", "code": "AccessDeniedException", "status": 403}
    operations = ("ses:GetAccount", "ses:GetEmailIdentity", "ce:ListCostAllocationTags")
    system.control.set_faults([{"name": name, "operation": name, **denied} for name in operations])
    exit_code, answer = notify("preflight")

    assert exit_code == 0
    remedies = [one["remedy"] for one in answer["findings"] if one["severity"] == "unknown"]
    assert {f"Allow {operation}." for operation in operations} <= set(remedies)


def test_smoke_passes_on_a_healthy_system_counts_in_no_rate_and_leaves_it_clean(system: System) -> None:
    system.aws.sqs.send_message(
        QueueUrl=system.outputs["SendDeadLetterQueueUrl"], MessageBody="somebody else's dead letter"
    )
    exit_code, answer = notify("smoke")

    assert exit_code == 0, answer
    assert steps(answer, passed=True).keys() == {
        "delivered",
        "bounced",
        "complained",
        "duplicate",
        "malformed",
    }
    duplicate = steps(answer, passed=True)["duplicate"]["order_id"]
    assert len(system.accepted(duplicate)) == 1
    [other] = system.aws.sqs.receive_message(
        QueueUrl=system.outputs["SendDeadLetterQueueUrl"], MaxNumberOfMessages=10
    )["Messages"]
    assert other["Body"] == "somebody else's dead letter"
    system.aws.sqs.delete_message(
        QueueUrl=system.outputs["SendDeadLetterQueueUrl"], ReceiptHandle=other["ReceiptHandle"]
    )
    assert dead_letters(system) == 0
    wait_for("the metrics", lambda: system.counted("AcceptanceLatency"))
    for metric in ("EmailsAccepted", "EmailsDelivered", "HardBounces", "Complaints", "ProbesDelivered"):
        assert not system.counted(metric), metric


def test_smoke_fails_at_the_outcomes_when_feedback_is_held(system: System) -> None:
    system.control.set_ses(events_held=True)
    exit_code, answer = notify("smoke", "--patience-seconds", FEW_SECONDS)

    assert (exit_code, answer["passed"]) == (1, False)
    failed = steps(answer, passed=False)
    assert failed.keys() == {"delivered", "bounced", "complained", "duplicate"}
    assert all("SES's events do not arrive" in step["detail"] for step in failed.values())
    assert dead_letters(system) == 0


def test_smoke_fails_at_the_acceptance_when_ses_is_paused(system: System) -> None:
    system.control.set_ses(sending_enabled=False)
    exit_code, answer = notify("smoke", "--patience-seconds", FEW_SECONDS)

    assert exit_code == 1
    failed = steps(answer, passed=False)
    assert failed.keys() == {"delivered", "bounced", "complained", "duplicate"}
    assert all("not accepted by SES within 8 s: READY." in step["detail"] for step in failed.values())

    system.control.set_ses(sending_enabled=True)
    for step in failed.values():
        system.wait_for_status(step["order_id"], "DELIVERED", "BOUNCED", "COMPLAINED")


def test_smoke_publishes_nothing_while_sending_is_on_hold(system: System) -> None:
    assert CliRunner().invoke(cli.app, ["hold", "--reason", "For a test"]).exit_code == 0
    exit_code, answer = notify("smoke")

    assert (exit_code, answer["steps"]) == (1, [])
    assert answer["on_hold_since"]
    assert system.waiting() == 0
    assert CliRunner().invoke(cli.app, ["resume", "--reason", "The test is over"]).exit_code == 0


def test_people_get_a_line_for_each_step_and_each_finding(system: System) -> None:
    tried = CliRunner().invoke(cli.app, ["smoke"])
    looked = CliRunner().invoke(cli.app, ["preflight"])

    assert (tried.exit_code, looked.exit_code) == (0, 0)
    assert tried.stdout.count("✓") == len(["delivered", "bounced", "complained", "duplicate", "malformed"])
    assert "sent once, COMPLAINED" in tried.stdout
    assert "SES has production access." in looked.stdout
    assert "smoke test passed" in tried.stderr
