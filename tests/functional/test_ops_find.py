"""`find` by order, by address and for what is overdue; what it says is to be done next."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from typer.testing import CliRunner

from notifications.audit import Decision, audit_item
from notifications.keys import NotificationKey, order_key, recipient_key
from notifications.ledger import Status
from ops import cli, ledger_lookup, ledger_view, targets
from ops.aws import Aws
from ops.targets import Deployed
from tests.support.ledger_table import create_ledger_table

REGION = "us-east-1"
HASH_KEY = "secret"
ADDRESS = "ada@example.com"


@pytest.fixture
def of(moto: None, monkeypatch: pytest.MonkeyPatch) -> Deployed:
    """A deployment with a ledger and the secret that its addresses are hashed with."""
    aws = Aws(REGION, boto3.Session(region_name=REGION), {})
    name = create_ledger_table(aws.dynamodb)
    secret = aws.client("secretsmanager").create_secret(Name="hash-key", SecretString=HASH_KEY)
    outputs = {"LedgerTableName": name, "RecipientHashSecretArn": secret["ARN"]}
    made = Deployed("shop", aws, outputs, datetime.now(UTC))
    monkeypatch.setattr(targets, "find", lambda _env, _region: made)
    return made


def put(of: Deployed, order_id: str, recipient: str = ADDRESS, **changes: Any) -> None:
    item: dict[str, Any] = {
        "order_key": order_key(order_id),
        "notification": "order_confirmation",
        "order_id": order_id,
        "type": "order_confirmation",
        "status": "DELIVERED",
        "attempt": 1,
        "recipient": recipient,
        "recipient_key": recipient_key(recipient, HASH_KEY),
        "created_at": "2026-11-24T06:00:00.000Z",
        "updated_at": "2026-11-24T06:00:00.000Z",
        "history": {},
    } | changes
    boto3.resource("dynamodb", region_name=REGION).Table(of.outputs["LedgerTableName"]).put_item(Item=item)


def notify(*arguments: str) -> Any:
    return CliRunner().invoke(cli.app, arguments)


def by_address(of: Deployed, address: str) -> list[str]:
    key = ledger_lookup.recipient_key_of(of, address)
    return [
        record["order_id"]
        for record in ledger_lookup.find_recipient(of.aws.dynamodb, of.outputs["LedgerTableName"], key)
    ]


def test_all_emails_to_an_address_are_found_the_oldest_first_and_no_other(of: Deployed) -> None:
    put(of, "A-2", created_at="2026-11-24T08:00:00.000Z")
    put(of, "A-1", created_at="2026-11-24T07:00:00.000Z")
    put(of, "B-1", recipient="bob@example.com")
    assert by_address(of, ADDRESS) == ["A-1", "A-2"]
    assert by_address(of, ADDRESS.upper()) == ["A-1", "A-2"]
    assert by_address(of, "nobody@example.com") == []


def test_more_emails_than_one_read_takes_are_all_found(of: Deployed) -> None:
    for number in range(ledger_lookup.BATCH_SIZE + 5):
        put(of, f"A-{number}")
    assert len(by_address(of, ADDRESS)) == ledger_lookup.BATCH_SIZE + 5


def test_records_that_are_gone_by_now_are_left_out(of: Deployed) -> None:
    put(of, "A-1")
    keys = [NotificationKey(order_key(id_), "order_confirmation") for id_ in ("A-1", "A-2")]
    assert [
        record["order_id"]
        for record in ledger_lookup.get(of.aws.dynamodb, of.outputs["LedgerTableName"], keys)
    ] == ["A-1"]


@pytest.mark.usefixtures("of")
@pytest.mark.parametrize(
    "arguments", [[], ["A-1", "--stale"], ["A-1", "--email", ADDRESS], ["--email", ADDRESS, "--stale"]]
)
def test_exactly_one_thing_can_be_looked_for(arguments: list[str]) -> None:
    result = notify("find", *arguments)
    assert result.exit_code == 2
    assert "one of ORDER_ID, --email and --stale" in result.stderr


@pytest.mark.usefixtures("of")
def test_nothing_found_ends_with_1_and_tells_where_else_to_look() -> None:
    result = notify("find", "--email", ADDRESS)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "notify dlq list" in result.stderr
    assert ADDRESS not in result.stderr


def test_audit_trail_is_told_from_the_newest_within_the_time_asked_for(of: Deployed) -> None:
    for day in (1, 20, 22):
        decision = Decision("arn:aws:iam::1:user/ada", datetime(2026, 11, day, tzinfo=UTC), f"of day {day}")
        of.aws.dynamodb.put_item(TableName=of.outputs["LedgerTableName"], Item=audit_item("hold", decision))
    since = datetime(2026, 11, 20, tzinfo=UTC)
    trail = ledger_lookup.audit_trail(of.aws.dynamodb, of.outputs["LedgerTableName"], since)
    assert [item["reason"] for item in trail] == ["of day 22", "of day 20"]


@pytest.mark.usefixtures("of")
def test_empty_audit_trail_ends_with_1() -> None:
    result = notify("audit", "--json")
    assert (result.exit_code, result.stdout) == (1, "[]\n")


@pytest.mark.parametrize("status", list(Status))
def test_every_status_has_a_next_step(status: Status) -> None:
    item = {"status": status.value, "order_id": "A-1", "recipient": ADDRESS, "send_by_ms": 1795509023000}
    step = ledger_view.next_step(item)
    assert step != ledger_view.UNKNOWN_STATUS
    assert "{" not in step


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("BOUNCED", "notify resend A-1 --to NEW"),
        ("SUPPRESSED", f"notify suppression show {ADDRESS}"),
        ("FAILED", "docs/failures.md"),
        ("READY", "docs/runbooks/orders-waiting.md"),
        ("SENT", "docs/runbooks/outcomes-missing.md"),
        ("SENDING", "until 2026-11-24T"),
        ("TELEPORTED", "update this tool"),
    ],
)
def test_next_step_is_one_that_an_operator_can_take(status: str, said: str) -> None:
    item = {"status": status, "order_id": "A-1", "recipient": ADDRESS, "send_by_ms": 1795509023000}
    assert said in ledger_view.next_step(item)
