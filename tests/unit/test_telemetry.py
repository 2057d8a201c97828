"""What an unforeseen error leaves in the log: its kind and place, and none of its words."""

from __future__ import annotations

from datetime import UTC, datetime

from botocore.exceptions import ClientError

from notifications import telemetry
from notifications.audit import Decision
from notifications.hold import SendingHold
from tests.support.held_sending import FakeAws

NOW = datetime(2026, 11, 25, 6, tzinfo=UTC)


def test_error_is_described_by_kind_and_place_without_its_words() -> None:
    try:
        datetime.fromisoformat("ada@example.com")
    except ValueError as error:
        described = telemetry.describe(error)
    kind, _, place = described.partition(" at ")
    assert kind == "ValueError"
    assert place.startswith("test_telemetry.py:")
    assert "ada" not in described


def test_refusal_of_aws_is_described_by_its_code_and_by_our_line_that_called() -> None:
    aws = FakeAws()
    aws.refused.add("table")
    try:
        SendingHold(aws, aws, "ledger", "mapping").hold(Decision("ada", NOW, "words"))  # type: ignore[arg-type]
    except ClientError as error:
        described = telemetry.describe(error)
    assert described.startswith("ClientError ThrottlingException at held_sending.py:")
    assert ", called from hold.py:" in described
    assert "words" not in described


def test_error_that_was_never_raised_is_described_by_its_kind_alone() -> None:
    assert telemetry.describe(ValueError("words")) == "ValueError"
    assert telemetry.describe(None) == "none"
