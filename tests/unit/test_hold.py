"""A hold is safe to repeat: whatever step fails, doing it again completes it and keeps the first reason."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError

from notifications.audit import Decision
from notifications.hold import SendingHold
from tests.support.held_sending import FakeAws

NOW = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
FIRST, SECOND = Decision("guard", NOW, "first"), Decision("ada", NOW, "second")


@pytest.fixture
def aws() -> FakeAws:
    return FakeAws()


@pytest.fixture
def sending(aws: FakeAws) -> SendingHold:
    return SendingHold(aws, aws, "ledger", "mapping")  # type: ignore[arg-type]


def test_hold_disables_the_mapping_and_says_why(aws: FakeAws, sending: SendingHold) -> None:
    assert sending.held() is None
    assert sending.hold(FIRST)
    assert not aws.is_enabled
    held = sending.held()
    assert held
    assert (held.by, held.reason, held.at) == ("guard", "first", "2026-11-24T06:00:00.000Z")
    assert aws.actions() == ["hold"]


def test_second_hold_keeps_the_first_reason(aws: FakeAws, sending: SendingHold) -> None:
    sending.hold(FIRST)
    assert not sending.hold(SECOND)
    held = sending.held()
    assert held
    assert held.reason == "first"
    assert aws.actions() == ["hold"]


def test_hold_is_completed_by_repeating_it_when_the_mapping_could_not_be_changed(
    aws: FakeAws, sending: SendingHold
) -> None:
    aws.refused.add("mapping")
    with pytest.raises(ClientError):
        sending.hold(FIRST)
    assert aws.is_enabled
    sending.hold(FIRST)
    assert not aws.is_enabled
    assert aws.actions() == ["hold"]


def test_hold_that_could_not_be_noted_changes_nothing_and_is_an_error(
    aws: FakeAws, sending: SendingHold
) -> None:
    aws.refused.add("table")
    with pytest.raises(ClientError, match="ThrottlingException"):
        sending.hold(FIRST)
    assert aws.is_enabled
    assert sending.hold(FIRST)
    assert not aws.is_enabled


def test_resume_enables_the_mapping_and_leaves_who_did_it(aws: FakeAws, sending: SendingHold) -> None:
    sending.hold(FIRST)
    aws.refused.add("mapping")
    with pytest.raises(ClientError):
        sending.resume(SECOND)
    assert sending.held()
    sending.resume(SECOND)
    assert aws.is_enabled
    assert sending.held() is None
    assert sorted(aws.actions()) == ["hold", "resume"]
