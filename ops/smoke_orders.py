"""The orders of `notify smoke`, and the judgement of what became of each. Pure: no AWS, no clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from notifications.probe import smoke_address
from ops import ledger_view
from ops.orders import EMAIL_TYPE, Observed, Order, body

OBJECTIVE_SECONDS = 30.0
"""From the publication of an order to the acceptance of its email, or to its refusal."""

WATCH_SECONDS = 10.0
"""How long a duplicate is watched after its acceptance. A copy that finds the other one being sent comes back
after 5 seconds (`notifications.sending`); if it were sent too, its Send event would be in the record then."""

MISSING_FIELD = "customer.email"
"""What the malformed order lacks."""


@dataclass(frozen=True)
class Step:
    """One order and what it shows.

    Parameters
    ----------
    mailbox
        Which of the simulator's mailboxes gets the email.
    expected
        Status that the record ends with; None: the order is refused.
    copies
        How often it is published.
    """

    name: str
    mailbox: str
    expected: str | None
    copies: int = 1

    def order(self, order_id: str, now: datetime) -> Order:
        """The order of this step."""
        address = None if self.expected is None else smoke_address(self.mailbox)
        event = body(order_id, now, {"email": address, "name": "Smoke test"})
        return Order(order_id, event, self.expected, self.copies, EMAIL_TYPE)


STEPS = (
    Step("delivered", "success", "DELIVERED"),
    Step("bounced", "bounce", "BOUNCED"),
    Step("complained", "complaint", "COMPLAINED"),
    Step("duplicate", "success", "DELIVERED", copies=2),
    Step("malformed", "success", None),
)


EMAILS = sum(step.expected is not None for step in STEPS)
"""How many of them SES is to accept."""


class State(StrEnum):
    """How a step stands."""

    WAITING = "waiting"
    PASSED = "passed"
    FAILED = "failed"


@dataclass
class SmokeObserved(Observed):
    """What is known of a step's order.

    Parameters
    ----------
    accepted_after_seconds, ended_after_seconds
        From the publication until SES's acceptance was seen, and until the step had passed or failed.
    """

    step: Step = STEPS[0]
    accepted_after_seconds: float | None = None
    ended_after_seconds: float | None = None
    state: State = State.WAITING
    detail: str = ""

    def judge(self, after_seconds: float, patience_seconds: float) -> None:
        """Judge what is known so many seconds after the publication; a judgement is final."""
        if self.state is not State.WAITING:
            return
        if self.accepted_after_seconds is None and self.record and self.record.get("message_id"):
            self.accepted_after_seconds = after_seconds
        rule = self._refused if self.step.expected is None else self._sent
        self.state, self.detail = rule(after_seconds, patience_seconds)
        if self.state is not State.WAITING:
            self.ended_after_seconds = after_seconds

    def _refused(self, after_seconds: float, patience_seconds: float) -> tuple[State, str]:
        if self.record:
            return State.FAILED, f"it was taken, although it lacks {MISSING_FIELD}"
        if self.refusal is not None:
            if self.refusal.get("error_field") == MISSING_FIELD and self.refusal.get("error_reason"):
                return State.PASSED, f"refused: {self._refusal}"
            return State.FAILED, f"refused, but not for {MISSING_FIELD}: {self._refusal}"
        limit = min(OBJECTIVE_SECONDS, patience_seconds)
        if after_seconds > limit:
            return State.FAILED, f"not in the send dead-letter queue after {limit:g} s"
        return State.WAITING, ""

    def _sent(self, after_seconds: float, patience_seconds: float) -> tuple[State, str]:
        if self.refusal is not None:
            return State.FAILED, f"refused: {self._refusal}"
        limit = min(OBJECTIVE_SECONDS, patience_seconds)
        accepted = self.accepted_after_seconds
        if accepted is None:
            late = after_seconds > limit
            return (
                (State.FAILED, f"not accepted by SES within {limit:g} s: {self._standing}") if late else _WAIT
            )
        if accepted > OBJECTIVE_SECONDS:
            return State.FAILED, f"accepted by SES only after {accepted:.1f} s"
        sends = sum(event["event"] == "Send" for event in ledger_view.history(self.record or {}))
        if sends > 1:
            return State.FAILED, f"sent {sends} times"
        status = (self.record or {}).get("status")
        watched_until = accepted + (WATCH_SECONDS if self.step.copies > 1 else 0)
        if status == self.step.expected and sends == 1:
            if after_seconds < min(watched_until, patience_seconds):
                return _WAIT
            return State.PASSED, f"accepted after {accepted:.1f} s, sent once, {status}"
        if after_seconds > patience_seconds:
            return (
                State.FAILED,
                f"accepted after {accepted:.1f} s, but {status} instead of {self.step.expected} after "
                f"{patience_seconds:g} s, with {sends or 'no'} Send event: "
                "SES's events do not arrive, or are not recorded",
            )
        return _WAIT

    @property
    def _refusal(self) -> str:
        said = [(self.refusal or {}).get(name, "") for name in ("error_field", "error_reason")]
        return " ".join(filter(None, said)) or "no reason is given"

    @property
    def _standing(self) -> str:
        if self.record is None:
            return "the ledger has no record of it"
        return f"{self.record['status']}. {ledger_view.meaning(self.record)}"


_WAIT = (State.WAITING, "")
