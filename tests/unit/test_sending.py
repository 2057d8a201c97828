"""From a queue message to one email, whatever goes wrong in between."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from notifications.email_types import EmailTypes
from notifications.evidence import ResendAfterSilence, SettlingRules, Sign
from notifications.failures import Certainty, Failure, LedgerUnavailableError
from notifications.keys import NotificationKey
from notifications.ledger import Choice, SesEvent, Settled, Settlement, Status
from notifications.mailer import Sent
from notifications.probe import ADDRESS, smoke_address
from notifications.queues import QueueRecord
from notifications.rendering import RenderedEmail, Renderer, RenderingError
from notifications.sending import (
    BACKOFF_CAP_SECONDS,
    CLOCK_SKEW_MARGIN_MS,
    Deadlines,
    Outcome,
    Policy,
    Result,
    SendEmail,
    backoff_seconds,
)
from tests.support.memory_ledger import MemoryLedger

TYPES = EmailTypes()
RENDERER = Renderer()
SETTLE = timedelta(minutes=15)
DECISION = timedelta(hours=1)
RULES = SettlingRules(
    SETTLE // timedelta(milliseconds=1), DECISION // timedelta(milliseconds=1), ResendAfterSilence.ANSWERED
)
MAX_RECEIVES = 250
MOMENT = timedelta(milliseconds=1)
TIMEOUT = timedelta(seconds=60)
START = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
CORRELATION_ID = "checkout-4711"


def order(**changes: Any) -> str:
    sample = TYPES.get("order_confirmation").sample
    return json.dumps(sample | {"ordered_at": START.isoformat()} | changes)


@dataclass
class FakeSes:
    """SES: answers as scripted, then accepts; keeps what it accepted."""

    script: list[Failure | Exception] = field(default_factory=list)
    accepted: list[tuple[NotificationKey, int]] = field(default_factory=list)
    correlation_ids: list[str] = field(default_factory=list)
    while_sending: Callable[[], None] = lambda: None

    def send(
        self,
        email: RenderedEmail,
        recipient: str,
        key: NotificationKey,
        attempt: int,
        correlation_id: str,
    ) -> Sent | Failure:
        self.while_sending()
        self.correlation_ids.append(correlation_id)
        outcome = self.script.pop(0) if self.script else None
        if isinstance(outcome, Exception):
            raise outcome
        if outcome is None or outcome.code == "accepted, answer lost":
            self.accepted.append((key, attempt))
        return outcome or Sent(f"message-{len(self.accepted)}")


@dataclass
class DeadLetters:
    messages: list[tuple[str, str, str, str]] = field(default_factory=list)

    def put(self, body: str, field: str, reason: str, email_type: str, correlation_id: str | None) -> None:
        assert correlation_id == CORRELATION_ID
        self.messages.append((body, field, reason, email_type))


class Given:
    """The function with fakes around it."""

    def __init__(self) -> None:
        self.now = START
        self.ses = FakeSes()
        self.ledger = MemoryLedger()
        self.dead_letters = DeadLetters()
        self.wait: float | None = 0.0
        self.slept: list[float] = []
        self.renderer: Any = RENDERER
        self.tokens = iter(f"token-{n}" for n in range(10**6))
        self.feedback_waits: Callable[[], bool] = lambda: False
        self.rules = RULES

    def receive(self, body: str | None = None, receive_count: int = 1) -> Result:
        send = SendEmail(
            types=TYPES,
            renderer=self.renderer,
            store=self.ledger,
            mailer=self.ses,
            pacer=self,
            dead_letters=self.dead_letters,
            feedback_waits=self.feedback_waits,
            policy=Policy(
                maximum_event_age=timedelta(hours=72),
                record_retention=timedelta(days=30),
                settling=self.rules,
                max_receives=MAX_RECEIVES,
                recipient_hash_key="key",
                deadlines=Deadlines.of_function(60),
            ),
            now=lambda: self.now,
            sleep=self.slept.append,
            new_token=lambda: next(self.tokens),
            random_source=lambda: 0.5,
        )
        message = QueueRecord(
            "id",
            order() if body is None else body,
            "handle",
            receive_count,
            self.ms(START),
            CORRELATION_ID,
        )
        return send.handle(message, self.ms(self.now + TIMEOUT))

    def reserve(self, patience_seconds: float) -> float | None:
        return self.wait if self.wait is not None and self.wait <= patience_seconds else None

    def item(self) -> dict[str, Any]:
        [item] = self.ledger.items.values()
        return item

    def record_event(self, kind: Status = Status.SENT, attempt: int = 1, message_id: str = "m") -> None:
        """An event comes of the only notification."""
        [key] = self.ledger.items
        event = SesEvent(f"{kind}-{attempt}", attempt, kind, message_id, "now", "now", {})
        self.ledger.record_event(key, event)

    def pass_settle_window(self) -> None:
        self.now += TIMEOUT + timedelta(milliseconds=CLOCK_SKEW_MARGIN_MS) + SETTLE + MOMENT

    def look_twice(self, body: str | None = None) -> Result:
        """Receive the message when the settle window has passed, and again for the second look."""
        self.pass_settle_window()
        assert self.receive(body).outcome is Outcome.IN_FLIGHT
        self.now += timedelta(minutes=1)
        return self.receive(body)

    @staticmethod
    def ms(moment: datetime) -> int:
        return int(moment.timestamp() * 1000)


@pytest.fixture
def given() -> Given:
    return Given()


def refusal(certainty: Certainty) -> Failure:
    return Failure(certainty, "SomeCode")


LOST_ANSWER = Failure(Certainty.UNANSWERED, "accepted, answer lost")
ERROR = Failure(Certainty.ANSWERED, "InternalFailure")


def test_order_becomes_one_recorded_email(given: Given) -> None:
    given.now = START + timedelta(seconds=2)
    result = given.receive()
    assert (result.outcome, result.retry_after_seconds, result.latency_ms) == (Outcome.ACCEPTED, None, 2000)
    assert len(given.ses.accepted) == 1
    assert given.item()["status"] == Status.SENT
    assert given.item()["message_id"] == "message-1"


def test_email_takes_two_writes_to_the_ledger(given: Given) -> None:
    given.receive()
    assert given.ledger.writes == 2


def test_record_holds_no_content_of_the_order(given: Given) -> None:
    given.receive()
    assert "Green tea" not in json.dumps(given.item())


def test_record_outlives_the_maximum_event_age(given: Given) -> None:
    given.receive()
    assert given.item()["expires_at"] == int((START + timedelta(days=30)).timestamp())


def test_same_order_is_sent_once_when_it_is_published_three_times(given: Given) -> None:
    outcomes = [given.receive().outcome for _ in range(3)]
    assert outcomes == [Outcome.ACCEPTED, Outcome.DUPLICATE, Outcome.DUPLICATE]
    assert len(given.ses.accepted) == 1


CORRECTED = order(customer={"email": "ada@example.org", "name": "Ada"})


def test_same_order_with_other_content_is_a_mismatch_and_acknowledged(given: Given) -> None:
    given.receive()
    address = given.item()["recipient"]
    result = given.receive(CORRECTED)
    assert (result.outcome, result.retry_after_seconds) == (Outcome.MISMATCH, None)
    assert "notify resend" in result.detail
    assert (given.item()["mismatches"], given.item()["recipient"]) == (1, address)
    assert len(given.ses.accepted) == 1


@pytest.mark.parametrize("certainty", [Certainty.LATER, Certainty.NEVER])
def test_record_names_the_address_that_was_mailed_when_it_was_corrected_before(
    given: Given, certainty: Certainty
) -> None:
    given.ses.script = [refusal(certainty)]
    given.receive()
    assert given.receive(CORRECTED).outcome is Outcome.ACCEPTED
    assert (given.item()["recipient"], given.item()["attempt"]) == ("ada@example.org", 2)


@pytest.mark.parametrize("certainty", [Certainty.LATER, Certainty.CONFIGURATION])
def test_message_waits_and_is_sent_once_when_ses_refuses_for_now(given: Given, certainty: Certainty) -> None:
    given.ses.script = [refusal(certainty)] * 3
    refused = [given.receive(receive_count=n) for n in (1, 2, 3)]
    assert all(result.retry_after_seconds for result in refused)
    assert given.item()["status"] == Status.READY
    assert given.receive().outcome is Outcome.ACCEPTED
    assert len(given.ses.accepted) == 1


def test_message_is_done_with_and_failed_when_ses_refuses_for_good(given: Given) -> None:
    given.ses.script = [refusal(Certainty.NEVER)]
    result = given.receive()
    assert (result.outcome, result.retry_after_seconds) == (Outcome.FAILED, None)
    assert given.item()["status"] == Status.FAILED
    assert given.receive().outcome is Outcome.DUPLICATE


def test_message_comes_back_when_a_refusal_for_good_could_not_be_recorded(given: Given) -> None:
    """Found by the model: another worker had taken over, and would have lost its message."""
    given.ses.script = [refusal(Certainty.NEVER)]
    given.ses.while_sending = lambda: given.item().update(token="another worker's", attempt=2)
    assert given.receive().retry_after_seconds is not None


@pytest.mark.parametrize("answer", [LOST_ANSWER, ERROR])
def test_unknown_outcome_is_not_sent_again_when_an_event_shows_that_ses_has_it(
    given: Given, answer: Failure
) -> None:
    given.ses.script = [answer]
    assert given.receive().outcome is Outcome.UNKNOWN
    given.record_event()
    assert given.receive().outcome is Outcome.DUPLICATE


@pytest.mark.parametrize("answer", [LOST_ANSWER, ERROR])
def test_unknown_outcome_waits_for_the_whole_settle_window(given: Given, answer: Failure) -> None:
    given.ses.script = [answer]
    given.receive()
    given.pass_settle_window()
    given.now -= MOMENT
    assert given.receive().outcome is Outcome.IN_FLIGHT
    assert "first_look_ms" not in given.item()


def test_attempt_counts_as_under_way_for_the_margin_by_which_clocks_may_differ(given: Given) -> None:
    given.receive()
    assert given.item()["send_by_ms"] == given.ms(START + TIMEOUT) + CLOCK_SKEW_MARGIN_MS


# --- answered with an error -------------------------------------------------------------------------


def test_error_of_ses_is_noted_with_one_write_more(given: Given) -> None:
    given.ses.script = [ERROR]
    result = given.receive()
    assert (result.outcome, result.detail) == (Outcome.UNKNOWN, "answered: InternalFailure")
    assert (given.item()["status"], given.item()["answer"]) == (Status.SENDING, "error")
    assert given.ledger.writes == 2


def test_error_of_ses_that_cannot_be_noted_counts_as_no_answer(given: Given) -> None:
    given.ses.script = [ERROR]
    given.ledger.record_result = unavailable(Certainty.LATER)  # type: ignore[method-assign]
    assert given.receive().outcome is Outcome.UNKNOWN
    given.pass_settle_window()
    assert given.receive().detail.startswith("unanswered")


def test_message_that_ses_answered_with_an_error_is_sent_again_after_two_looks_and_counted(
    given: Given,
) -> None:
    given.ses.script = [ERROR]
    given.receive()
    result = given.look_twice()
    assert (result.outcome, result.subject.resend, result.subject.attempt) == (Outcome.ACCEPTED, True, 2)
    assert given.item()["resends"] == 1


def test_second_look_comes_after_a_minute(given: Given) -> None:
    given.ses.script = [ERROR]
    given.receive()
    given.pass_settle_window()
    assert given.receive().retry_after_seconds == 61
    given.now += timedelta(minutes=1) - MOMENT
    assert given.receive().outcome is Outcome.IN_FLIGHT
    assert given.ses.accepted == []


def test_nothing_is_sent_again_while_events_wait_in_a_queue(given: Given) -> None:
    given.ses.script = [ERROR]
    given.receive()
    given.feedback_waits = lambda: True
    given.pass_settle_window()
    result = given.receive()
    assert (result.outcome, result.awaits_decision) == (Outcome.UNDECIDED, False)
    assert result.detail == "answered, events wait in a feedback queue"
    assert given.ses.accepted == []


def test_nothing_is_sent_again_while_an_email_accepted_around_it_lacks_its_event(given: Given) -> None:
    given.ses.script = [ERROR]
    given.receive()
    given.receive(order(order_id="neighbour"))
    given.pass_settle_window()
    assert given.receive().outcome is Outcome.UNDECIDED
    neighbour = next(key for key, item in given.ledger.items.items() if item["status"] == Status.SENT)
    given.ledger.record_event(neighbour, SesEvent("e", 1, Status.SENT, "message-1", "now", "now", {}))
    assert given.receive().outcome is Outcome.IN_FLIGHT
    given.now += timedelta(minutes=1)
    assert given.receive().outcome is Outcome.ACCEPTED


def test_queues_are_looked_at_before_the_index(given: Given, monkeypatch: pytest.MonkeyPatch) -> None:
    """What leaves a queue in between has been recorded by the time the index is read."""
    looks: list[str] = []
    given.ses.script = [ERROR]
    given.receive()
    given.pass_settle_window()
    given.feedback_waits = lambda: bool(looks.append("queues"))  # type: ignore[func-returns-value]
    monkeypatch.setattr(given.ledger, "signs", lambda *_: looks.append("index") or ())  # type: ignore[func-returns-value]
    given.receive()
    assert looks == ["queues", "index"]


def test_record_that_changes_while_evidence_is_looked_for_is_left_for_later(
    given: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    def taken_over(*_: Any) -> tuple[()]:
        given.item().update(token="another worker's")
        return ()

    given.ses.script = [ERROR]
    given.receive()
    given.pass_settle_window()
    monkeypatch.setattr(given.ledger, "signs", taken_over)
    assert given.receive().outcome is Outcome.DEFERRED
    assert given.ses.accepted == []


# --- unanswered -------------------------------------------------------------------------------------


def test_unanswered_attempt_is_never_made_again_by_itself(given: Given) -> None:
    given.ses.script = [LOST_ANSWER]
    given.receive()
    given.now += timedelta(hours=70)
    for _ in range(3):
        given.now += timedelta(minutes=15)
        assert given.receive().outcome is Outcome.UNDECIDED
    assert len(given.ses.accepted) == 1


def test_unanswered_attempt_waits_for_a_person_an_hour_after_its_settle_window(given: Given) -> None:
    given.ses.script = [LOST_ANSWER]
    given.receive()
    given.pass_settle_window()
    given.now += DECISION - MOMENT
    assert not given.receive().awaits_decision
    given.now += MOMENT
    assert given.receive().awaits_decision


def test_shop_can_have_unanswered_attempts_made_again_between_two_events(given: Given) -> None:
    given.rules = replace(RULES, resend_after_silence=ResendAfterSilence.ALL)
    given.ses.script = [refusal(Certainty.UNANSWERED)]
    given.receive()
    given.pass_settle_window()
    assert given.receive().outcome is Outcome.UNDECIDED
    given.ledger.markers = [(Sign.HEARD, given.ms(START) + moment) for moment in (-1, 1)]
    assert given.receive().outcome is Outcome.IN_FLIGHT
    given.now += timedelta(minutes=1)
    assert given.receive().outcome is Outcome.ACCEPTED


@pytest.mark.parametrize("receive_count", [1, 100])
def test_message_of_an_undecided_attempt_comes_back_with_a_back_off(given: Given, receive_count: int) -> None:
    given.ses.script = [LOST_ANSWER]
    given.receive()
    given.pass_settle_window()
    wait = given.receive(receive_count=receive_count).retry_after_seconds
    assert wait == backoff_seconds(receive_count, 0.5)


def test_message_of_an_undecided_attempt_is_set_aside_with_its_reason_before_its_last_receive(
    given: Given,
) -> None:
    given.ses.script = [LOST_ANSWER]
    given.receive()
    given.now += timedelta(hours=70)
    assert given.receive(receive_count=MAX_RECEIVES - 1).retry_after_seconds
    assert given.dead_letters.messages == []
    result = given.receive(receive_count=MAX_RECEIVES)
    assert (result.outcome, result.retry_after_seconds, result.awaits_decision) == (
        Outcome.UNDECIDED,
        None,
        True,
    )
    [(body, field, reason, email_type)] = given.dead_letters.messages
    assert (body, field, email_type) == (order(), "(outcome)", "order_confirmation")
    assert reason.startswith("waits for a person's decision (`notify settle`): unanswered")


@pytest.mark.parametrize("age", [timedelta(hours=2), timedelta(hours=80)])
def test_person_s_decision_to_send_again_is_carried_out_however_old_the_order_is(
    given: Given, age: timedelta
) -> None:
    given.ses.script = [refusal(Certainty.UNANSWERED)]
    given.receive()
    given.now += age
    assert given.receive().outcome is Outcome.UNDECIDED
    [(key, item)] = given.ledger.items.items()
    settlement = Settlement(
        Choice.SEND_AGAIN, 1, item["token"], given.ms(given.now), "now", "operator", "why", 900_000
    )
    assert given.ledger.settle(key, settlement) == Settled()
    result = given.receive()
    assert (result.outcome, result.subject.attempt, result.subject.resend) == (Outcome.ACCEPTED, 2, True)
    assert given.receive().outcome is Outcome.DUPLICATE


# --- two workers, and time --------------------------------------------------------------------------


def test_second_worker_waits_while_the_first_may_be_sending(given: Given) -> None:
    seen: list[Result] = []
    given.ses.while_sending = lambda: seen.append(given.receive()) if not seen else None
    given.receive()
    assert seen[0].outcome is Outcome.IN_FLIGHT
    assert seen[0].retry_after_seconds == backoff_seconds(1, 0.5)
    assert len(given.ses.accepted) == 1


def test_nothing_is_sent_when_the_claim_took_too_long_and_the_claim_is_given_back(
    given: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = given.ledger.claim

    def slow_claim(*args: Any) -> Any:
        given.now += timedelta(seconds=50)
        return claim(*args)

    monkeypatch.setattr(given.ledger, "claim", slow_claim)
    result = given.receive()
    assert result.outcome is Outcome.DEFERRED
    assert given.ses.accepted == []
    assert given.item()["status"] == Status.READY


def test_nothing_is_claimed_when_the_rate_leaves_no_time(given: Given) -> None:
    given.wait = 3600
    assert given.receive().outcome is Outcome.DEFERRED
    assert given.ledger.items == {}


def test_sending_waits_for_its_place_before_it_claims(given: Given) -> None:
    given.wait = 7.0
    given.receive()
    assert given.slept == [7.0]


def unavailable(certainty: Certainty) -> Callable[..., Any]:
    def call(*_: Any) -> Any:
        raise LedgerUnavailableError(Failure(certainty, "SomeCode"))

    return call


@pytest.mark.parametrize(
    ("certainty", "outcome"),
    [(Certainty.LATER, Outcome.DEFERRED), (Certainty.CONFIGURATION, Outcome.CONFIGURATION)],
)
def test_message_waits_when_the_ledger_cannot_be_claimed_from(
    given: Given, certainty: Certainty, outcome: Outcome
) -> None:
    given.ledger.claim = unavailable(certainty)  # type: ignore[method-assign]
    result = given.receive()
    assert result.outcome is outcome
    assert result.retry_after_seconds
    assert given.ses.accepted == []


def test_accepted_email_is_not_acknowledged_until_its_events_have_recorded_it(given: Given) -> None:
    given.ledger.record_result = unavailable(Certainty.LATER)  # type: ignore[method-assign]
    result = given.receive()
    assert (result.outcome, result.message_id) == (Outcome.ACCEPTED, "message-1")
    assert result.retry_after_seconds == BACKOFF_CAP_SECONDS
    given.record_event(message_id="message-1")
    assert given.receive().outcome is Outcome.DUPLICATE
    assert len(given.ses.accepted) == 1


def test_second_email_is_told_when_its_worker_reports_it(given: Given) -> None:
    """Somebody else was thought to have been stopped, and was not."""
    given.ses.while_sending = lambda: given.record_event(message_id="the other worker's")
    result = given.receive()
    assert (result.outcome, result.duplicate, result.retry_after_seconds) == (Outcome.ACCEPTED, True, None)
    assert given.item()["duplicate_message_ids"] == {"1:message-1"}


@pytest.mark.parametrize("certainty", [Certainty.LATER, Certainty.NEVER])
def test_outcome_counts_as_unknown_when_a_refusal_cannot_be_recorded(
    given: Given, certainty: Certainty
) -> None:
    given.ses.script = [refusal(certainty)]
    given.ledger.record_result = unavailable(Certainty.LATER)  # type: ignore[method-assign]
    assert given.receive().outcome is Outcome.UNKNOWN
    assert given.item()["status"] == Status.SENDING


@pytest.mark.parametrize(
    ("body", "field"),
    [
        pytest.param("{", "(body)", id="not-json"),
        pytest.param(order(type="no_such_type"), "type", id="unknown-type"),
        pytest.param(order(items=[]), "items", id="wrong-field"),
        pytest.param(order(customer={"name": "Ada"}), "customer.email", id="missing-field"),
        pytest.param(
            order(customer={"email": "a@example.com\nBcc: x@example.com", "name": "A"}),
            "customer.email",
            id="newline",
        ),
        pytest.param(order(ordered_at=(START + timedelta(minutes=6)).isoformat()), "ordered_at", id="future"),
        pytest.param(order(ordered_at=(START - timedelta(hours=73)).isoformat()), "ordered_at", id="too-old"),
    ],
)
def test_malformed_event_goes_to_the_dead_letters_with_its_field_and_sends_nothing(
    given: Given, body: str, field: str
) -> None:
    result = given.receive(body)
    assert (result.outcome, result.retry_after_seconds) == (Outcome.REFUSED, None)
    [(message, named, reason, _)] = given.dead_letters.messages
    assert (message, named) == (body, field)
    assert reason
    assert given.ses.accepted == []
    assert given.ledger.items == {}


def test_old_event_is_a_duplicate_when_its_email_was_sent(given: Given) -> None:
    given.receive()
    given.now += timedelta(hours=80)
    assert given.receive().outcome is Outcome.DUPLICATE
    assert given.dead_letters.messages == []


@pytest.mark.parametrize("answer", [LOST_ANSWER, ERROR])
def test_old_event_whose_outcome_is_unknown_waits_for_a_person(given: Given, answer: Failure) -> None:
    given.ses.script = [answer]
    given.receive()
    given.now += timedelta(hours=80)
    result = given.receive()
    assert (result.outcome, result.awaits_decision) == (Outcome.UNDECIDED, True)
    assert given.dead_letters.messages == []


def test_old_event_goes_to_the_dead_letters_when_it_was_not_sent(given: Given) -> None:
    given.ses.script = [refusal(Certainty.LATER)]
    given.receive()
    given.now += timedelta(hours=80)
    assert given.receive().outcome is Outcome.REFUSED
    [(_, field, reason, _)] = given.dead_letters.messages
    assert (field, reason) == ("ordered_at", "is older than the maximum event age of 72 h")


def test_event_whose_record_has_expired_is_not_sent_again(given: Given) -> None:
    given.receive()
    given.ledger.items.clear()
    given.now += timedelta(days=31)
    assert given.receive().outcome is Outcome.REFUSED
    assert len(given.ses.accepted) == 1


def test_template_error_goes_to_the_dead_letters_before_anything_is_claimed(given: Given) -> None:
    class Broken:
        def render(self, _: Any) -> RenderedEmail:
            raise RenderingError("body.html.j2: 'total' is undefined")

    given.renderer = Broken()
    assert given.receive().outcome is Outcome.REFUSED
    assert given.ledger.items == {}


def test_back_off_grows_to_its_cap_with_jitter() -> None:
    assert [backoff_seconds(n, 1.0) for n in (1, 2, 3, 4)] == [5, 10, 20, 40]
    assert backoff_seconds(1000, 1.0) == BACKOFF_CAP_SECONDS
    assert backoff_seconds(1000, 0.0) == pytest.approx(0.8 * BACKOFF_CAP_SECONDS)


def test_deliberate_resend_is_a_new_record_that_names_the_first(given: Given) -> None:
    given.receive()
    resend = {"id": "ticket-7", "requested_at": START.isoformat()}
    assert given.receive(order(resend=resend)).outcome is Outcome.ACCEPTED
    assert given.receive(order(resend=resend)).outcome is Outcome.DUPLICATE
    first, second = given.ledger.items.values()
    assert len(given.ses.accepted) == 2
    assert "resend_of" not in first
    assert second["resend_of"] == "order_confirmation"


def test_resend_of_an_old_order_counts_its_age_from_when_it_was_asked_for(given: Given) -> None:
    given.now = START + timedelta(days=100)
    resend = {"id": "1", "requested_at": given.now.isoformat()}
    assert given.receive(order(resend=resend)).outcome is Outcome.ACCEPTED
    given.now += timedelta(hours=73)
    again = {"id": "2", "requested_at": (START + timedelta(days=100)).isoformat()}
    assert given.receive(order(resend=again)).outcome is Outcome.REFUSED
    assert given.dead_letters.messages[0][1] == "resend.requested_at"


@pytest.mark.parametrize(
    "resend", [None, {}, {"id": "a b", "requested_at": "2026-11-24T06:00:00Z"}, {"id": "a"}, "yes"]
)
def test_malformed_resend_is_refused(given: Given, resend: object) -> None:
    assert given.receive(order(resend=resend)).outcome is Outcome.REFUSED
    assert given.dead_letters.messages[0][1].startswith("resend")


def test_correlation_id_of_the_message_goes_to_ses_and_into_the_record() -> None:
    given = Given()
    given.receive()
    assert given.ses.correlation_ids == [given.item()["correlation_id"]] == [CORRELATION_ID]


@pytest.mark.parametrize("address", [ADDRESS, smoke_address("success"), smoke_address("bounce")])
def test_synthetic_order_is_told_from_those_of_customers(address: str) -> None:
    given = Given()
    of_customer = {"email": f"x{address}", "name": "Ada"}
    assert not given.receive(order(customer=of_customer)).subject.synthetic
    assert given.receive(
        order(order_id="probe-1", customer={"email": address, "name": "Probe"})
    ).subject.synthetic
