"""The use case of `send_email`: from a queue message to one email, whatever goes wrong in between.

Order matters: what can fail without a trace (reading, rendering, waiting for the sending rate) comes before
the claim, so that between the claim and the call to SES there is nothing but the call.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from notifications import ledger
from notifications.evidence import Evidence, SettlingRules, Sign
from notifications.failures import Certainty, Failure, LedgerUnavailableError
from notifications.keys import NotificationKey, notification_key, recipient_key
from notifications.ledger import AttemptResult, Claim, Claimed, Record, Value, Verdict
from notifications.mailer import Mailer, Sent
from notifications.order_event import InvalidOrderEventError, Notification, parse
from notifications.probe import is_synthetic
from notifications.queues import QueueRecord
from notifications.rendering import RenderedEmail, RenderingError
from notifications.times import epoch_ms, iso

if TYPE_CHECKING:
    from notifications.email_types import EmailTypes

BACKOFF_BASE_SECONDS = 5.0
BACKOFF_CAP_SECONDS = 900.0
FEEDBACK_BACKOFF_CAP_SECONDS = 60.0
"""Of an event that could not be recorded: while one waits, no attempt in doubt is made again."""
BACKOFF_JITTER = (0.8, 1.0)
"""A message waits base x 2^n seconds, at most the cap, times a random factor. The cap and the least factor,
times the queue's maxReceiveCount, are how long an outage loses nothing; a test of the templates holds the
three together."""

MINIMUM_WAIT_SECONDS = 1.0

UNDECIDED_FIELD = "(outcome)"
"""In place of a field of the order event: a dead letter whose attempt waits for a person's decision."""

CLOCK_SKEW_MARGIN_MS = 5_000
"""By how much the clocks of two workers may differ: an attempt counts as under way for so much longer."""

PATIENCE_SETTLE_WINDOWS = 4
"""A message that does not wait for SES is looked at again after so many settle windows at the latest."""

NO_TIME_LEFT = Failure(Certainty.LATER, "no time left in this invocation")
CLAIMED_TOO_LATE = Failure(Certainty.LATER, "claimed too late to send")
CHANGED_MEANWHILE = Failure(Certainty.LATER, "the record has changed while evidence was looked for")


class Outcome(StrEnum):
    """What became of a queue message, as logs and metrics call it."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    MISMATCH = "content_mismatch"
    REFUSED = "refused_event"
    FAILED = "failed"
    DEFERRED = "deferred"
    CONFIGURATION = "configuration"
    UNKNOWN = "unknown"
    IN_FLIGHT = "in_flight"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Subject:
    """What a message is about, as far as it is known yet.

    Parameters
    ----------
    key
        None if the message does not tell.
    attempt
        The one that was claimed for it; 0 if none was.
    resend
        Whether that repeats one of unknown outcome.
    synthetic
        Whether the order is a synthetic one, which no rate counts.
    """

    key: NotificationKey | None = None
    email_type: str = ""
    attempt: int = 0
    resend: bool = False
    synthetic: bool = False


@dataclass(frozen=True)
class Result:
    """What is to happen to the message.

    Parameters
    ----------
    detail
        For the log; holds nothing that a customer supplied.
    retry_after_seconds
        None if the message is done with.
    duplicate
        Whether SES has accepted a second message of the notification.
    awaits_decision
        Whether a person is to settle what became of an attempt.
    """

    outcome: Outcome
    subject: Subject
    detail: str = ""
    message_id: str = ""
    retry_after_seconds: float | None = None
    latency_ms: int | None = None
    duplicate: bool = False
    awaits_decision: bool = False


class Ledger(Protocol):
    """What the use case needs of the ledger."""

    def claim(self, key: NotificationKey, claim: Claim, found: Record | None) -> Verdict: ...  # noqa: D102

    def record_result(self, key: NotificationKey, result: AttemptResult) -> Verdict: ...  # noqa: D102

    def find(self, key: NotificationKey) -> Record | None: ...  # noqa: D102

    def signs(self, around_ms: int, settle_window_ms: int) -> tuple[tuple[Sign, int], ...]: ...  # noqa: D102


class DeadLetters(Protocol):
    """Where a message goes that can't be handled."""

    def put(  # noqa: D102
        self, body: str, field: str, reason: str, email_type: str, correlation_id: str | None
    ) -> None: ...


class Renderer(Protocol):
    """Makes the email of a notification."""

    def render(self, notification: Notification) -> RenderedEmail: ...  # noqa: D102


class Pacer(Protocol):
    """Keeps to the sending rate."""

    def reserve(self, patience_seconds: float) -> float | None: ...  # noqa: D102


@dataclass(frozen=True)
class Deadlines:
    """How one invocation's time is spent.

    Parameters
    ----------
    claim_seconds, ses_seconds, record_seconds
        The most that each call takes, its retries included.
    """

    claim_seconds: float
    ses_seconds: float
    record_seconds: float

    @classmethod
    def of_function(cls, timeout_seconds: int) -> Deadlines:
        """Parts of the function's timeout: of 60 s, 12 s for each call, which leaves 24 s for pacing."""
        part = timeout_seconds / 5
        return cls(claim_seconds=part, ses_seconds=part, record_seconds=part)

    @property
    def whole_seconds(self) -> float:
        """What must be left when a message is begun on."""
        return self.claim_seconds + self.ses_seconds + self.record_seconds


@dataclass(frozen=True)
class Policy:
    """The rules that settings decide.

    Parameters
    ----------
    max_receives
        How often the send queue delivers a message before it gives it up.
    """

    maximum_event_age: timedelta
    record_retention: timedelta
    settling: SettlingRules
    max_receives: int
    recipient_hash_key: str
    deadlines: Deadlines


class SendEmail:
    """Handles one message at a time; may be called from several threads at once."""

    def __init__(
        self,
        *,
        types: EmailTypes,
        renderer: Renderer,
        store: Ledger,
        mailer: Mailer,
        pacer: Pacer,
        dead_letters: DeadLetters,
        feedback_waits: Callable[[], bool],
        policy: Policy,
        now: Callable[[], datetime],
        sleep: Callable[[float], None],
        new_token: Callable[[], str] = lambda: secrets.token_hex(16),
        random_source: Callable[[], float] = random.random,
    ) -> None:
        self._types = types
        self._renderer = renderer
        self._store = store
        self._mailer = mailer
        self._pacer = pacer
        self._dead_letters = dead_letters
        self._feedback_waits = feedback_waits
        self._policy = policy
        self._now = now
        self._sleep = sleep
        self._new_token = new_token
        self._random = random_source

    def handle(self, message: QueueRecord, ends_at_ms: int) -> Result:
        """Bring one message to its end, or say when to try again.

        Parameters
        ----------
        ends_at_ms
            When this process is stopped at the latest, epoch milliseconds: no call is begun that might last
            longer, so that nothing is sent after it.
        """
        try:
            notification = parse(message.body, self._now(), self._types)
            email = self._renderer.render(notification)
        except InvalidOrderEventError as error:
            return self._refuse(message, error.field, error.reason, error.email_type)
        except RenderingError as error:
            return self._refuse(message, "(email)", str(error), notification.type)
        key = key_of(notification, notification.resend_id)
        subject = Subject(key, notification.type, synthetic=is_synthetic(notification.recipient))
        deadlines = self._policy.deadlines
        patience = ends_at_ms / 1000 - self._seconds() - deadlines.whole_seconds
        wait = self._pacer.reserve(patience) if patience > 0 else None
        if wait is None:
            return self._look_again(subject, NO_TIME_LEFT, message)
        self._sleep(wait)

        try:
            verdict = self._claim(key, notification, message.correlation_id, ends_at_ms)
        except LedgerUnavailableError as error:
            return self._look_again(subject, error.failure, message)
        if not isinstance(verdict, Claimed):
            return self._not_claimed(message, subject, notification, verdict)
        subject = replace(subject, attempt=verdict.attempt, resend=verdict.resend)
        answer: Sent | Failure = CLAIMED_TOO_LATE
        if self._seconds() + deadlines.ses_seconds <= ends_at_ms / 1000:
            answer = self._mailer.send(
                email, notification.recipient, key, verdict.attempt, message.correlation_id
            )
        unrecorded = Result(Outcome.UNKNOWN, subject)
        if isinstance(answer, Sent):
            latency_ms = int(self._seconds() * 1000) - message.sent_at_ms
            unrecorded = Result(
                Outcome.ACCEPTED, subject, message_id=answer.message_id, latency_ms=latency_ms
            )
        try:
            return self._conclude(key, unrecorded, verdict, answer, ends_at_ms)
        except LedgerUnavailableError as error:
            return self._await_settling(unrecorded, f"not recorded: {error.failure.code}", ends_at_ms)

    def _claim(
        self, key: NotificationKey, notification: Notification, correlation_id: str, ends_at_ms: int
    ) -> Verdict:
        now = self._now()
        claim = Claim(
            now_ms=epoch_ms(now),
            at=iso(now),
            send_by_ms=ends_at_ms + CLOCK_SKEW_MARGIN_MS,
            token=self._new_token(),
            fingerprint=notification.fingerprint,
            rules=self._policy.settling,
            open_shard=key.open_shard,
            attributes=record_attributes(
                notification,
                correlation_id,
                self._policy.recipient_hash_key,
                now + self._policy.record_retention,
            ),
            too_old=now - notification.occurred_at > self._policy.maximum_event_age,
        )
        found = self._store.find(key) if claim.too_old else None
        verdict = self._store.claim(key, claim, found)
        if not isinstance(verdict, ledger.NeedsEvidence):
            return verdict
        in_doubt = verdict.record
        return self._store.claim(key, replace(claim, evidence=self._evidence(in_doubt)), in_doubt)

    def _evidence(self, in_doubt: Record) -> Evidence:
        """The queues first: what leaves them in between has been recorded by the time the index is read."""
        if self._feedback_waits():
            return Evidence(in_doubt.token, queues_empty=False)
        signs = self._store.signs(in_doubt.claimed_at_ms, self._policy.settling.settle_window_ms)
        return Evidence(in_doubt.token, queues_empty=True, signs=signs)

    def _not_claimed(
        self, message: QueueRecord, subject: Subject, notification: Notification, verdict: Verdict
    ) -> Result:
        match verdict:
            case ledger.AlreadyHandled(status):
                return Result(Outcome.DUPLICATE, subject, status)
            case ledger.Mismatch(status):
                return Result(Outcome.MISMATCH, subject, f"{status}: `notify resend` sends other content")
            case ledger.TooOld():
                hours = self._policy.maximum_event_age // timedelta(hours=1)
                reason = f"is older than the maximum event age of {hours} h"
                return self._refuse(message, notification.occurred_at_field, reason, subject.email_type)
            case ledger.InFlight(look_again_ms):
                wait = min(self._until(look_again_ms), backoff_seconds(message.receive_count, self._random()))
                return Result(Outcome.IN_FLIGHT, subject, retry_after_seconds=wait)
            case ledger.LookAgain(look_again_ms):
                wait = self._until(look_again_ms)
                return Result(Outcome.IN_FLIGHT, subject, "looked for evidence", retry_after_seconds=wait)
            case ledger.Undecided():
                return self._undecided(message, subject, verdict)
            case _:
                return self._look_again(subject, CHANGED_MEANWHILE, message)

    def _undecided(self, message: QueueRecord, subject: Subject, verdict: ledger.Undecided) -> Result:
        """It waits in the queue for an event; before SQS gives it up it is set aside with its reason."""
        detail = f"{verdict.doubt}, {verdict.reason}"
        result = Result(
            Outcome.UNDECIDED, subject, detail, awaits_decision=epoch_ms(self._now()) > verdict.due_ms
        )
        if message.receive_count < self._policy.max_receives:
            return replace(result, retry_after_seconds=self._patience_seconds(message))
        reason = f"waits for a person's decision (`notify settle`): {detail}"
        self._dead_letters.put(
            message.body, UNDECIDED_FIELD, reason, subject.email_type, message.correlation_id
        )
        return result

    def _conclude(
        self,
        key: NotificationKey,
        unrecorded: Result,
        claimed: Claimed,
        answer: Sent | Failure,
        ends_at_ms: int,
    ) -> Result:
        subject = unrecorded.subject
        match answer:
            case Sent(message_id):
                verdict = self._store.record_result(key, ledger.accepted(claimed, message_id, self._at()))
                duplicate = isinstance(verdict, ledger.Superseded) and verdict.duplicate
                return replace(unrecorded, duplicate=duplicate)
            case Failure(Certainty.ANSWERED, code):
                self._store.record_result(key, ledger.answered(claimed, code, self._at()))
                return self._await_settling(unrecorded, f"answered: {code}", ends_at_ms)
            case Failure(Certainty.UNANSWERED, code):
                return self._await_settling(unrecorded, f"unanswered: {code}", ends_at_ms)
            case Failure(Certainty.NEVER, code):
                verdict = self._store.record_result(key, ledger.failed(claimed, code, self._at()))
                if not isinstance(verdict, ledger.Recorded):
                    overtaken = Failure(Certainty.LATER, f"{code}, overtaken")
                    return self._put_off(subject, overtaken, claimed.attempt)
                return Result(Outcome.FAILED, subject, code)
            case failure:
                self._store.record_result(key, ledger.released(claimed, failure.code, self._at()))
                return self._put_off(subject, failure, claimed.attempt)

    def _await_settling(self, result: Result, detail: str, ends_at_ms: int) -> Result:
        """The record stays SENDING: come back when an event, or the settle window, has decided."""
        wait = self._until(ends_at_ms + CLOCK_SKEW_MARGIN_MS + self._policy.settling.settle_window_ms)
        return replace(result, detail=detail, retry_after_seconds=wait)

    def _refuse(self, message: QueueRecord, field: str, reason: str, email_type: str) -> Result:
        self._dead_letters.put(message.body, field, reason, email_type, message.correlation_id)
        return Result(Outcome.REFUSED, Subject(email_type=email_type), f"{field} {reason}")

    def _put_off(self, subject: Subject, failure: Failure, tries: int) -> Result:
        configuration = failure.certainty is Certainty.CONFIGURATION
        return Result(
            Outcome.CONFIGURATION if configuration else Outcome.DEFERRED,
            subject,
            failure.code,
            retry_after_seconds=backoff_seconds(tries, self._random()),
        )

    def _look_again(self, subject: Subject, failure: Failure, message: QueueRecord) -> Result:
        put_off = self._put_off(subject, failure, message.receive_count)
        return replace(put_off, retry_after_seconds=self._patience_seconds(message))

    def _patience_seconds(self, message: QueueRecord) -> float:
        most = PATIENCE_SETTLE_WINDOWS * self._policy.settling.settle_window_ms / 1000
        return min(backoff_seconds(message.receive_count, self._random()), most)

    def _until(self, moment_ms: int) -> float:
        wait = max(moment_ms / 1000 - self._seconds(), 0.0) + MINIMUM_WAIT_SECONDS
        return min(wait, BACKOFF_CAP_SECONDS)

    def _seconds(self) -> float:
        return self._now().timestamp()

    def _at(self) -> str:
        return iso(self._now())


def key_of(notification: Notification, resend_id: str | None) -> NotificationKey:
    """Key of a notification's record, or of the one that it repeats (`resend_id` None)."""
    _, *rest_of_identity = notification.identity.values()
    return notification_key(notification.type, notification.order_id, tuple(rest_of_identity), resend_id)


def record_attributes(
    notification: Notification, correlation_id: str, recipient_hash_key: str, expires_at: datetime
) -> dict[str, Value]:
    """What a record says of what is claimed, besides how it stands."""
    attributes: dict[str, Value] = {
        "order_id": notification.order_id,
        "type": notification.type,
        "recipient": notification.recipient,
        "recipient_key": recipient_key(notification.recipient, recipient_hash_key),
        "occurred_at": iso(notification.occurred_at),
        "correlation_id": correlation_id,
        "expires_at": int(expires_at.timestamp()),
    }
    if notification.resend_id:
        attributes["resend_of"] = key_of(notification, None).notification
    return attributes


def backoff_seconds(tries: int, random_number: float, cap_seconds: float = BACKOFF_CAP_SECONDS) -> float:
    """How long a message waits before it is received again.

    Parameters
    ----------
    tries
        How often it was tried, at least 1: to send, or to get that far.
    random_number
        At least 0 and below 1: spreads messages that failed together.
    cap_seconds
        What the wait grows to, before the random factor.
    """
    least, most = BACKOFF_JITTER
    grown: float = min(BACKOFF_BASE_SECONDS * 2 ** min(tries - 1, 16), cap_seconds)
    return grown * (least + (most - least) * random_number)
