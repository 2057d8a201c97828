"""Outages of hours and days, in simulated time: nothing lost, nothing doubled, nobody needed.

The real use cases run against a queue that behaves as SQS does (visibility, receive counts, retention and
redrive; its numbers come from stacks/messaging.yaml), and a world whose parts fail for a while.
"""

from __future__ import annotations

import heapq
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from notifications.email_types import EmailTypes
from notifications.evidence import ResendAfterSilence, SettlingRules, Sign
from notifications.failures import Certainty, Failure, LedgerUnavailableError
from notifications.keys import NotificationKey
from notifications.ledger import Choice, Claim, Record, SesEvent, Settled, Settlement, Status, Verdict
from notifications.mailer import Sent
from notifications.order_event import Notification
from notifications.queues import QueueRecord
from notifications.rendering import RenderedEmail
from notifications.sending import Deadlines, Policy, SendEmail
from tests.support.memory_ledger import MemoryLedger
from tests.templates.model import template

SETTLE = timedelta(minutes=15)
SETTLE_MS = SETTLE // timedelta(milliseconds=1)
DECISION_MS = 3_600_000
TIMEOUT = timedelta(seconds=60)
ORDER_EVERY = timedelta(minutes=10)
"""One order in so much time: around each there are others within a settle window."""
FEEDBACK_DELAY = timedelta(seconds=2)
TYPES = EmailTypes()
EMAIL = RenderedEmail("subject", "html", "text", "Shop", "support@example.com")
START = datetime(2026, 11, 24, tzinfo=UTC)

SEND_QUEUE = template("messaging")["Resources"]["SendQueue"]["Properties"]
RETENTION = timedelta(seconds=SEND_QUEUE["MessageRetentionPeriod"])
MAX_RECEIVE_COUNT = SEND_QUEUE["RedrivePolicy"]["maxReceiveCount"]


@dataclass(order=True)
class Due:
    """Something that happens at its time."""

    at: datetime
    number: int
    happens: Callable[[], None] = field(compare=False)


class World:
    """The system and what is around it, with a clock of its own."""

    def __init__(self, policy: ResendAfterSilence = ResendAfterSilence.ANSWERED) -> None:
        self.policy = policy
        self.now = START
        self.due: list[Due] = []
        self.numbers = iter(range(10**9))
        self.ledger = MemoryLedger()
        self.accepted: Counter[NotificationKey] = Counter()
        self.published = 0
        self.dead_letters: list[str] = []
        self.expired = 0
        self.held_events: list[Callable[[], None]] = []
        self.waiting_for_a_person: list[str] = []
        self.settled: set[NotificationKey] = set()
        self.ses: Callable[[], Failure | None] = lambda: None
        self.ledger_is_down = False
        self.feedback_is_down = False
        self.events_are_lost = False
        self.use_case = SendEmail(
            types=TYPES,
            renderer=self,
            store=self,
            mailer=self,
            pacer=self,
            dead_letters=self,
            feedback_waits=lambda: bool(self.held_events),
            policy=Policy(
                maximum_event_age=timedelta(hours=72),
                record_retention=timedelta(days=365),
                settling=SettlingRules(SETTLE_MS, DECISION_MS, self.policy),
                max_receives=MAX_RECEIVE_COUNT,
                recipient_hash_key="key",
                deadlines=Deadlines.of_function(60),
            ),
            now=lambda: self.now,
            sleep=lambda _: None,
        )

    # Time

    def at(self, moment: datetime, happens: Callable[[], None]) -> None:
        heapq.heappush(self.due, Due(moment, next(self.numbers), happens))

    def run_for(self, duration: timedelta) -> None:
        end = self.now + duration
        while self.due and self.due[0].at <= end:
            due = heapq.heappop(self.due)
            self.now = max(self.now, due.at)
            due.happens()
        self.now = end

    def publish_for(self, duration: timedelta) -> None:
        """Orders come in, evenly; the time does not pass by this."""
        for number in range(duration // ORDER_EVERY):
            self.at(self.now + number * ORDER_EVERY, self.publish)

    # The queue

    def publish(self) -> None:
        self.published += 1
        sample = TYPES.get("order_confirmation").sample
        body = json.dumps(sample | {"order_id": f"A-{self.published}", "ordered_at": self.now.isoformat()})
        self.receive(body, self.now, 1)

    def receive(self, body: str, sent_at: datetime, receive_count: int) -> None:
        if self.now - sent_at > RETENTION:
            self.expired += 1
            return
        if receive_count > MAX_RECEIVE_COUNT:
            self.dead_letters.append(body)
            return
        record = QueueRecord("id", body, "handle", receive_count, ms(sent_at))
        result = self.use_case.handle(record, ms(self.now + TIMEOUT))
        if result.retry_after_seconds is not None:
            back = self.now + timedelta(seconds=result.retry_after_seconds)
            self.at(back, lambda: self.receive(body, sent_at, receive_count + 1))

    def reserve(self, patience_seconds: float) -> float:
        return 0.0

    def put(self, body: str, field: str, reason: str, email_type: str, correlation_id: str | None) -> None:
        (self.waiting_for_a_person if field == "(outcome)" else self.dead_letters).append(body)

    def render(self, notification: Notification) -> RenderedEmail:
        return EMAIL

    # SES and its events

    def send(
        self,
        email: RenderedEmail,
        recipient: str,
        key: NotificationKey,
        attempt: int,
        correlation_id: str,
    ) -> Sent | Failure:
        failure = self.ses()
        if failure is None or failure.code == "answer lost":
            self.accepted[key] += 1
            sent_at = self.now
            self.at(self.now + FEEDBACK_DELAY, lambda: self.deliver_event(key, attempt, sent_at))
        return failure or Sent("message")

    def deliver_event(self, key: NotificationKey, attempt: int, sent_at: datetime) -> None:
        if self.feedback_is_down:
            if not self.events_are_lost:
                self.held_events.append(lambda: self.deliver_event(key, attempt, sent_at))
            return
        event = SesEvent(f"send-{attempt}", attempt, Status.SENT, f"message-{attempt}", "now", "now", {})
        self.ledger.record_event(key, event)
        if self.policy is ResendAfterSilence.ALL:
            self.ledger.markers.append((Sign.HEARD, ms(sent_at)))

    def feedback_returns(self) -> None:
        """The newest event comes first: the worst order for who takes it for the only one."""
        self.feedback_is_down = False
        held, self.held_events = self.held_events, []
        for number, event in enumerate(reversed(held)):
            self.at(self.now + number * timedelta(seconds=1), event)

    # The ledger

    def claim(self, key: NotificationKey, claim: Claim, found: Record | None) -> Verdict:
        self.check_ledger()
        return self.ledger.claim(key, claim, found)

    def record_result(self, key: NotificationKey, result: Any) -> Verdict:
        self.check_ledger()
        return self.ledger.record_result(key, result)

    def find(self, key: NotificationKey) -> Any:
        return self.ledger.find(key)

    def signs(self, around_ms: int, settle_window_ms: int) -> tuple[tuple[Sign, int], ...]:
        return self.ledger.signs(around_ms, settle_window_ms)

    def check_ledger(self) -> None:
        if self.ledger_is_down:
            raise LedgerUnavailableError(Failure(Certainty.LATER, "ThrottlingException"))

    # A person

    def settle_what_is_undecided(self) -> int:
        """Decide on each by what SES has accepted, as message insights tell; their number."""
        undecided = 0
        for key, item in self.ledger.items.items():
            if (
                item["status"] == Status.SENDING
                and ms(self.now) > item["send_by_ms"] + SETTLE_MS + DECISION_MS
            ):
                choice = Choice.SENT if self.accepted[key] else Choice.SEND_AGAIN
                now_ms = ms(self.now)
                wish = Settlement(
                    choice, item["attempt"], item["token"], now_ms, "now", "operator", "why", SETTLE_MS
                )
                assert self.ledger.settle(key, wish) == Settled()
                undecided += 1
        return undecided

    def assert_each_order_was_sent_once(self) -> None:
        assert self.published > 0
        assert len(self.accepted) == self.published
        assert set(self.accepted.values()) == {1}
        assert self.dead_letters == []
        assert self.expired == 0
        assert not [item for item in self.ledger.items.values() if not Status(item["status"]).is_accepted]


def ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def refusing(certainty: Certainty, code: str = "some code") -> Callable[[], Failure]:
    return lambda: Failure(certainty, code)


@pytest.fixture
def world() -> World:
    """A system that has run for an hour, with orders coming in for 40 hours more."""
    world = World()
    world.publish_for(timedelta(hours=41))
    world.run_for(timedelta(hours=1))
    return world


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(refusing(Certainty.LATER, "EndpointConnectionError"), id="unreachable"),
        pytest.param(refusing(Certainty.ANSWERED, "InternalFailure"), id="answers-5xx"),
        pytest.param(refusing(Certainty.ANSWERED, "answer lost"), id="accepts-but-answers-5xx"),
        pytest.param(refusing(Certainty.UNANSWERED, "answer lost"), id="accepts-but-answers-are-lost"),
        pytest.param(refusing(Certainty.CONFIGURATION, "AccountSuspendedException"), id="suspended"),
    ],
)
def test_two_hours_without_ses_lose_and_double_nothing(world: World, answer: Callable[[], Failure]) -> None:
    world.ses = answer
    world.run_for(timedelta(hours=2))
    world.ses = lambda: None
    world.run_for(timedelta(hours=44))
    world.assert_each_order_was_sent_once()


def test_day_of_spent_quota_loses_and_doubles_nothing(world: World) -> None:
    world.ses = refusing(Certainty.LATER, "LimitExceededException")
    world.run_for(timedelta(hours=24))
    assert len(world.accepted) < 20
    world.ses = lambda: None
    world.run_for(timedelta(hours=20))
    world.assert_each_order_was_sent_once()


def test_outage_of_40_hours_needs_nobody(world: World) -> None:
    """The least that the send queue's maxReceiveCount and the back-off promise together."""
    world.ses = refusing(Certainty.LATER)
    world.run_for(timedelta(hours=40))
    world.ses = lambda: None
    world.run_for(timedelta(hours=4))
    world.assert_each_order_was_sent_once()


def test_outage_that_nobody_ends_leaves_every_order_in_the_dead_letter_queue(world: World) -> None:
    world.ses = refusing(Certainty.CONFIGURATION)
    sent_before = len(world.accepted)
    world.run_for(timedelta(days=5))
    assert len(world.dead_letters) == world.published - sent_before > 0
    assert world.expired == 0


IN_DOUBT = [Certainty.ANSWERED, Certainty.UNANSWERED]


def every_third(certainty: Certainty, code: str) -> Callable[[], Failure | None]:
    counter = iter(range(10**6))
    return lambda: Failure(certainty, code) if next(counter) % 3 == 0 else None


@pytest.mark.parametrize("certainty", IN_DOUBT)
@pytest.mark.parametrize("policy", ResendAfterSilence)
def test_two_hours_without_feedback_double_nothing_though_answers_are_lost(
    certainty: Certainty, policy: ResendAfterSilence
) -> None:
    """Every third answer is lost meanwhile, and the newest of the late events comes first."""
    world = World(policy)
    world.publish_for(timedelta(hours=40))
    world.feedback_is_down = True
    world.ses = every_third(certainty, "answer lost")
    world.run_for(timedelta(hours=2))
    world.ses = lambda: None
    world.feedback_returns()
    world.run_for(timedelta(hours=44))
    assert world.settle_what_is_undecided() == 0
    world.assert_each_order_was_sent_once()


def test_two_hours_without_feedback_lose_nothing_though_ses_answers_with_errors(world: World) -> None:
    world.feedback_is_down = True
    world.ses = every_third(Certainty.ANSWERED, "never taken")
    world.run_for(timedelta(hours=2))
    world.ses = lambda: None
    world.feedback_returns()
    world.run_for(timedelta(hours=44))
    assert world.settle_what_is_undecided() == 0
    world.assert_each_order_was_sent_once()
    assert sum(item["resends"] for item in world.ledger.items.values()) > 0


def test_calls_that_never_arrive_wait_for_a_person_and_are_sent_when_that_one_wants_it(world: World) -> None:
    world.ses = every_third(Certainty.UNANSWERED, "never arrived")
    world.run_for(timedelta(hours=2))
    world.ses = lambda: None
    world.run_for(timedelta(hours=12))
    assert world.settle_what_is_undecided() == 4
    world.run_for(timedelta(hours=30))
    world.assert_each_order_was_sent_once()


def test_shop_that_sends_again_needs_nobody_when_calls_never_arrive() -> None:
    world = World(ResendAfterSilence.ALL)
    world.publish_for(timedelta(hours=30))
    world.run_for(timedelta(hours=1))
    world.ses = every_third(Certainty.UNANSWERED, "never arrived")
    world.run_for(timedelta(hours=2))
    world.ses = lambda: None
    world.run_for(timedelta(hours=30))
    assert world.settle_what_is_undecided() == 0
    world.assert_each_order_was_sent_once()


@pytest.mark.parametrize("certainty", IN_DOUBT)
def test_destination_that_loses_all_events_for_hours_makes_no_second_email(
    world: World, certainty: Certainty
) -> None:
    """Disabled, or its topic refuses: the events of two hours never come, nor do some answers."""
    world.feedback_is_down = world.events_are_lost = True
    world.ses = every_third(certainty, "answer lost")
    world.run_for(timedelta(hours=2))
    world.ses = lambda: None
    world.feedback_is_down = world.events_are_lost = False
    world.run_for(timedelta(hours=44))
    assert set(world.accepted.values()) == {1}
    assert world.settle_what_is_undecided() == 4
    world.run_for(timedelta(days=1))
    world.assert_each_order_was_sent_once()


@pytest.mark.parametrize("certainty", IN_DOUBT)
def test_feedback_that_never_returns_sends_nothing_twice_and_tells_what_waits(
    world: World, certainty: Certainty
) -> None:
    world.feedback_is_down = True
    world.ses = refusing(certainty, "answer lost")
    world.run_for(timedelta(hours=1))
    world.ses = lambda: None
    world.run_for(timedelta(days=6))
    assert set(world.accepted.values()) == {1}
    assert world.expired == 0
    assert len(world.waiting_for_a_person) == world.settle_what_is_undecided() == 6


def test_two_hours_of_a_throttled_ledger_lose_and_double_nothing(world: World) -> None:
    """A refused KMS looks the same: the ledger cannot be written."""
    world.ledger_is_down = True
    world.run_for(timedelta(hours=2))
    world.ledger_is_down = False
    world.run_for(timedelta(hours=44))
    world.assert_each_order_was_sent_once()


def test_ledger_that_fails_between_sending_and_recording_doubles_nothing(world: World) -> None:
    def accept_and_lose_the_ledger() -> None:
        world.ledger_is_down = True

    for _ in range(5):
        world.ses = accept_and_lose_the_ledger
        world.run_for(ORDER_EVERY)
        world.ses = lambda: None
        world.ledger_is_down = False
        world.run_for(timedelta(hours=1))
    world.run_for(timedelta(hours=44))
    assert world.settle_what_is_undecided() == 0
    world.assert_each_order_was_sent_once()
