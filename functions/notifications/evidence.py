"""When is silence proof that SES does not have a message? Pure: no AWS, no clock.

Silence alone proves nothing: an event may be late without bound, and a disabled event destination loses it.
After an answer with an error, which very probably means no, silence is believed if nothing speaks against it:
the emails around it have their events, and no event waits in a queue or was thrown away. Without an answer it
is never believed, unless the shop has chosen so.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

SECOND_LOOK_AFTER_MS = 60_000
"""The evidence must be clear twice, so long apart: a queue's depth is approximate, and an index lags."""


class Doubt(StrEnum):
    """Why it is not certain whether SES has the message of an attempt."""

    ANSWERED = "answered"
    """SES answered with an error that may have come after it took the message."""
    UNANSWERED = "unanswered"
    """No answer came, or it could not be recorded."""


class ResendAfterSilence(StrEnum):
    """Which attempts may be made again without a person."""

    ANSWERED = "answered"
    ALL = "all"
    NONE = "none"

    def allows(self, doubt: Doubt) -> bool:
        """Whether such an attempt may be made again once the evidence is clear."""
        return self is ResendAfterSilence.ALL or self.value == doubt.value


@dataclass(frozen=True)
class SettlingRules:
    """What settings decide about attempts in doubt.

    Parameters
    ----------
    settle_window_ms
        How long after its `send_by` an attempt's event is waited for, and how far around its claim the
        events of others are looked at.
    decision_after_ms
        How long after that an attempt waits for a person.
    """

    settle_window_ms: int
    decision_after_ms: int
    resend_after_silence: ResendAfterSilence

    @property
    def second_look_after_ms(self) -> int:
        """How long after a clear first look the second may be taken."""
        return min(SECOND_LOOK_AFTER_MS, self.settle_window_ms)

    def due_ms(self, send_by_ms: int) -> int:
        """From when on an attempt in doubt waits for a person."""
        return send_by_ms + self.settle_window_ms + self.decision_after_ms


class Sign(StrEnum):
    """What an entry of the index of open attempts says."""

    AWAITED = "awaited"
    """A worker recorded that SES accepted it, and no event of it has come."""
    DISCARDED = "discarded"
    """An event that could not be attributed was thrown away: it may have been of any attempt around."""
    HEARD = "heard"
    """The event of an attempt has come."""


@dataclass(frozen=True)
class Evidence:
    """What was found around an attempt in doubt.

    Parameters
    ----------
    token
        Of that attempt.
    queues_empty
        Whether nothing waits in a queue of the feedback path.
    signs
        With the moment of the claim that each is about, epoch milliseconds.
    """

    token: str
    queues_empty: bool
    signs: tuple[tuple[Sign, int], ...] = ()

    def speaks_against(self, doubt: Doubt, claimed_at_ms: int, settle_window_ms: int) -> str:
        """What keeps silence from being proof; empty if nothing does."""
        if not self.queues_empty:
            return "events wait in a feedback queue"
        near = [(sign, at_ms) for sign, at_ms in self.signs if abs(at_ms - claimed_at_ms) <= settle_window_ms]
        if any(sign is Sign.AWAITED for sign, _ in near):
            return "an email accepted around it has no event yet"
        if any(sign is Sign.DISCARDED for sign, _ in near):
            return "an event of those minutes was discarded"
        if doubt is Doubt.UNANSWERED:
            heard = [at_ms for sign, at_ms in near if sign is Sign.HEARD]
            if not any(at_ms < claimed_at_ms for at_ms in heard):
                return "no event of an email accepted before it has come"
            if not any(at_ms > claimed_at_ms for at_ms in heard):
                return "no event of an email accepted after it has come"
        return ""
