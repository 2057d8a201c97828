"""How `notify smoke` judges what became of its orders."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from notifications.email_types import EmailTypes
from notifications.order_event import InvalidOrderEventError, parse
from notifications.probe import is_synthetic
from ops.smoke_orders import MISSING_FIELD, OBJECTIVE_SECONDS, STEPS, WATCH_SECONDS, SmokeObserved, State

PATIENCE = 120.0
NOW = datetime(2026, 11, 24, 6, tzinfo=UTC)
SAMPLE = EmailTypes().get("order_confirmation").sample
BY_NAME = {step.name: step for step in STEPS}
REFUSAL = {"error_field": MISSING_FIELD, "error_reason": "is missing"}


def observed(name: str, **known: Any) -> SmokeObserved:
    step = BY_NAME[name]
    return SmokeObserved(step.order("smoke-1", NOW), step=step, **known)


def record(status: str, sends: int = 1, **more: Any) -> dict[str, Any]:
    history = {
        str(number): {"at": "2026-11-24T06:00:00Z", "event": "Send", "attempt": 1} for number in range(sends)
    }
    return {"status": status, "message_id": "m", "history": history} | more


def test_orders_are_good_ones_for_nobody_but_the_malformed() -> None:
    for step in STEPS:
        text = step.order("smoke-1", NOW).body
        if step.expected is None:
            with pytest.raises(InvalidOrderEventError) as refused:
                parse(text, NOW, EmailTypes())
            assert refused.value.field == MISSING_FIELD
        else:
            order = parse(text, NOW, EmailTypes())
            assert (order.order_id, is_synthetic(order.recipient)) == ("smoke-1", True)
    assert "email" in SAMPLE["customer"]


@pytest.mark.parametrize(
    ("name", "status"), [("delivered", "DELIVERED"), ("bounced", "BOUNCED"), ("complained", "COMPLAINED")]
)
def test_step_passes_when_its_order_has_ended_as_expected(name: str, status: str) -> None:
    one = observed(name, record=record(status))
    one.judge(2.0, PATIENCE)

    assert (one.state, one.accepted_after_seconds, one.ended_after_seconds) == (State.PASSED, 2.0, 2.0)


def test_step_waits_for_acceptance_outcome_and_send_event() -> None:
    one = observed("bounced")
    for known in (None, record("SENDING", 0, message_id=None), record("SENT", 0), record("BOUNCED", 0)):
        one.record = known
        one.judge(1.0, PATIENCE)
        assert one.state is State.WAITING
    one.record = record("BOUNCED")
    one.judge(2.0, PATIENCE)

    assert (one.state, one.accepted_after_seconds) == (State.PASSED, 1.0)


def test_order_that_is_not_accepted_within_the_objective_fails_with_how_it_stands() -> None:
    one = observed("delivered", record=record("READY", 0, message_id=None, reason="SendingPausedException"))
    one.judge(OBJECTIVE_SECONDS, PATIENCE)
    assert one.ended_after_seconds is None
    one.judge(OBJECTIVE_SECONDS + 1, PATIENCE)

    assert one.state is State.FAILED
    assert "not accepted by SES within 30 s: READY." in one.detail
    assert "SendingPausedException" in one.detail


def test_order_that_is_accepted_late_fails() -> None:
    one = observed("delivered", record=record("DELIVERED"), accepted_after_seconds=OBJECTIVE_SECONDS + 5)
    one.judge(40.0, PATIENCE)

    assert (one.state, one.detail) == (State.FAILED, "accepted by SES only after 35.0 s")


def test_order_whose_outcome_does_not_come_fails_when_patience_ends() -> None:
    one = observed("delivered", record=record("SENT", 0))
    one.judge(1.0, PATIENCE)
    one.judge(PATIENCE + 1, PATIENCE)

    assert one.state is State.FAILED
    assert "SENT instead of DELIVERED after 120 s, with no Send event" in one.detail


def test_duplicate_that_was_sent_twice_fails() -> None:
    one = observed("duplicate", record=record("DELIVERED", sends=2))
    one.judge(1.0, PATIENCE)

    assert (one.state, one.detail) == (State.FAILED, "sent 2 times")


def test_duplicate_is_watched_for_a_second_email_before_it_passes() -> None:
    one = observed("duplicate", record=record("DELIVERED"))
    one.judge(1.0, PATIENCE)
    one.judge(WATCH_SECONDS, PATIENCE)
    assert one.ended_after_seconds is None
    one.judge(1.0 + WATCH_SECONDS, PATIENCE)

    assert one.state is State.PASSED


def test_duplicate_is_watched_no_longer_than_patience_lasts() -> None:
    one = observed("duplicate", record=record("DELIVERED"))
    one.judge(1.0, 3.0)
    one.judge(3.0, 3.0)

    assert one.state is State.PASSED


def test_malformed_order_passes_by_its_dead_letter_with_field_and_reason() -> None:
    one = observed("malformed", refusal=REFUSAL)
    one.judge(1.0, PATIENCE)

    assert (one.state, one.detail) == (State.PASSED, "refused: customer.email is missing")


@pytest.mark.parametrize(
    "known", [{"refusal": {}}, {"refusal": REFUSAL | {"error_field": "items"}}, {"record": record("SENT")}]
)
def test_malformed_order_fails_when_it_is_taken_or_refused_for_something_else(known: dict[str, Any]) -> None:
    one = observed("malformed", **known)
    one.judge(1.0, PATIENCE)

    assert one.state is State.FAILED


def test_malformed_order_that_vanishes_fails() -> None:
    one = observed("malformed")
    one.judge(OBJECTIVE_SECONDS, PATIENCE)
    assert one.ended_after_seconds is None
    one.judge(OBJECTIVE_SECONDS + 1, PATIENCE)

    assert one.state is State.FAILED


def test_good_order_that_is_refused_fails_with_the_reason() -> None:
    one = observed("delivered", refusal={"error_field": "(email)", "error_reason": "cannot be rendered"})
    one.judge(1.0, PATIENCE)

    assert (one.state, one.detail) == (State.FAILED, "refused: (email) cannot be rendered")


def test_judgement_is_final() -> None:
    one = observed("delivered", record=record("DELIVERED"))
    one.judge(1.0, PATIENCE)
    one.record = record("COMPLAINED", sends=2)
    one.judge(2.0, PATIENCE)

    assert (one.state, one.ended_after_seconds) == (State.PASSED, 1.0)
