"""`status`: one line for each thing, and a page for each that is not as it should be."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from notifications.hold import Held
from notifications.times import epoch_ms, iso
from ops import status
from ops.status import Health
from ops.targets import Deployed
from tests.functional.test_ops_settle import VARIABLES

NAME = "shop-prod"
OUTPUTS = {
    "SendEmailFunctionName": "send",
    "SendEmailMappingId": "id",
    "TrackDeliveryFunctionName": "track",
    "KeyArn": "key",
    "LedgerTableName": "ledger",
}


@dataclass
class Account:
    """An account in which all is well, and every client of it."""

    alarms: list[dict[str, Any]] = field(default_factory=lambda: [alarm("orders-waiting", "OK")])
    sending: str = "Enabled"
    feedback: tuple[str, ...] = ("Enabled",)
    ses: dict[str, Any] = field(default_factory=dict)
    key: str = "Enabled"
    stacks: dict[str, str] = field(default_factory=lambda: {NAME: "UPDATE_COMPLETE"})
    on_hold: Held | None = None
    locked: bool = False
    open_attempts: list[dict[str, Any]] = field(default_factory=list)

    def client(self, _: str) -> Account:
        return self

    @property
    def cloudformation(self) -> Account:
        return self

    def get_paginator(self, operation: str) -> Pages:
        stacks = [{"StackName": name, "StackStatus": state} for name, state in self.stacks.items()]
        return Pages(
            {"describe_alarms": {"MetricAlarms": self.alarms}, "describe_stacks": {"Stacks": stacks}}[
                operation
            ]
        )

    def get_event_source_mapping(self, UUID: str) -> dict[str, Any]:  # noqa: N803
        return {"State": self.sending}

    def list_event_source_mappings(self, FunctionName: str) -> dict[str, Any]:  # noqa: N803
        return {"EventSourceMappings": [{"State": state} for state in self.feedback]}

    def get_account(self) -> dict[str, Any]:
        quota = {"SentLast24Hours": 10.0, "Max24HourSend": 50_000.0}
        return {"EnforcementStatus": "HEALTHY", "SendingEnabled": True, "SendQuota": quota} | self.ses

    def get_function_configuration(self, FunctionName: str) -> dict[str, Any]:  # noqa: N803
        return {"FunctionName": FunctionName, "Environment": {"Variables": VARIABLES}}

    @property
    def dynamodb(self) -> Account:
        return self

    def query(self, ExpressionAttributeValues: dict[str, Any], **_: Any) -> dict[str, Any]:  # noqa: N803
        shard = ExpressionAttributeValues[":shard"]["S"]
        return {"Items": [item for item in self.open_attempts if item["order_key"]["S"][0] == shard]}

    def describe_key(self, KeyId: str) -> dict[str, Any]:  # noqa: N803
        return {"KeyMetadata": {"KeyState": self.key}}

    def held(self) -> Held | None:
        if self.locked:
            raise ClientError({"Error": {"Code": "KMSInvalidStateException", "Message": "off"}}, "GetItem")
        return self.on_hold


class Pages:
    def __init__(self, page: dict[str, Any]) -> None:
        self._page = page

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        return [self._page]


def alarm(name: str, state: str, severity: str = "page") -> dict[str, Any]:
    description = f"Orders wait. Severity: {severity}. Runbook: docs/runbooks/{name}.md"
    return {"AlarmName": f"{NAME}-{name}", "StateValue": state, "AlarmDescription": description}


def look(account: Account) -> list[Health]:
    of = Deployed(NAME, account, OUTPUTS, datetime.now(UTC))  # type: ignore[arg-type]
    return status.look(of, account)  # type: ignore[arg-type]


def in_doubt(shard: str, ago: timedelta, **texts: str) -> dict[str, Any]:
    """An entry of the index of open attempts."""
    moment = {"N": str(epoch_ms(datetime.now(UTC) - ago))}
    names = {"order_key": shard * 32, "notification": "order_confirmation", "status": "SENDING"} | texts
    entry = {name: {"S": text} for name, text in names.items()}
    return {**entry, "claimed_at_ms": moment, "send_by_ms": moment, "attempt": {"N": "1"}}


def unhealthy(account: Account) -> list[tuple[str, str]]:
    return [(finding.what, finding.runbook) for finding in look(account) if not finding.is_healthy]


def test_all_is_well_when_everything_is_as_it_should_be() -> None:
    found = look(Account())

    assert [finding.what for finding in found] == [
        "alarms",
        "sending",
        "feedback",
        "decisions",
        "SES",
        "key",
        "stacks",
    ]
    assert all(finding.is_healthy and not finding.runbook for finding in found)


def test_alarms_that_are_on_are_told_with_their_pages_those_that_page_first() -> None:
    on = [alarm("dead-letters", "ALARM", "ticket"), alarm("orders-waiting", "ALARM"), alarm("late", "OK")]

    assert unhealthy(Account(alarms=on)) == [
        ("alarm orders-waiting (page)", "docs/runbooks/orders-waiting.md"),
        ("alarm dead-letters (ticket)", "docs/runbooks/dead-letters.md"),
    ]


def test_deployment_without_alarms_is_not_well() -> None:
    assert [what for what, _ in unhealthy(Account(alarms=[]))] == ["alarms"]


@pytest.mark.parametrize(
    ("account", "what", "detail", "page"),
    [
        (Account(on_hold=Held("ada", "now", "a spike")), "sending", "by ada: a spike", "sending-held"),
        (Account(sending="Disabled"), "sending", "Disabled, and nobody", "sending-held"),
        (Account(feedback=("Disabled",)), "feedback", "the mapping is Disabled", "outcomes-missing"),
        (Account(feedback=()), "feedback", "not there", "outcomes-missing"),
        (Account(ses={"EnforcementStatus": "PROBATION"}), "SES", "PROBATION", "sends-failing"),
        (Account(ses={"SendingEnabled": False}), "SES", "sending is paused", "sends-failing"),
        (
            Account(ses={"SendQuota": {"SentLast24Hours": 200.0, "Max24HourSend": 200.0}}),
            "SES",
            "200 of 200",
            "sends-failing",
        ),
        (Account(key="PendingDeletion"), "key", "PendingDeletion", "key-problems"),
        (
            Account(stacks={f"{NAME}-data": "UPDATE_ROLLBACK_FAILED", "other": "CREATE_FAILED"}),
            "stacks",
            f"{NAME}-data is UPDATE_ROLLBACK_FAILED",
            "rollback-and-ownership",
        ),
    ],
)
def test_what_is_not_well_says_how_it_stands_and_which_page_helps(
    account: Account, what: str, detail: str, page: str
) -> None:
    [finding] = [finding for finding in look(account) if not finding.is_healthy]

    assert finding.what == what
    assert detail in finding.detail
    assert finding.runbook == f"docs/runbooks/{page}.md"


def test_what_cannot_be_seen_is_told_and_hides_nothing_else() -> None:
    found = look(Account(locked=True))

    assert [(f.what, f.is_healthy) for f in found if f.what in ("sending", "key")] == [
        ("sending", False),
        ("key", True),
    ]
    [sending] = [finding for finding in found if finding.what == "sending"]
    assert "KMSInvalidStateException" in sending.detail


def test_earlier_rollback_is_told_but_is_no_reason_to_worry() -> None:
    found = look(Account(stacks={NAME: "UPDATE_ROLLBACK_COMPLETE"}))

    assert f"after a rollback of {NAME}" in found[-1].detail
    assert found[-1].is_healthy


def test_emails_that_wait_for_a_person_are_told_with_the_oldest_and_their_page() -> None:
    hours = [timedelta(hours=hour) for hour in (30, 20, 10)]
    account = Account(
        open_attempts=[
            in_doubt("a", hours[1]),
            in_doubt("b", hours[0]),
            in_doubt("c", hours[2], decision="send_again"),
            in_doubt("d", timedelta(minutes=20)),
            in_doubt("e", hours[0], status="SENT"),
        ]
    )

    [decisions] = [finding for finding in look(account) if finding.what == "decisions"]

    assert not decisions.is_healthy
    assert decisions.runbook == "docs/runbooks/emails-undecided.md"
    assert "2 emails wait for a person" in decisions.detail
    assert "1 for their order event" in decisions.detail
    oldest_ms = int(account.open_attempts[1]["claimed_at_ms"]["N"])
    assert iso(datetime.fromtimestamp(oldest_ms / 1000, UTC)) in decisions.detail
