"""Every course that two workers, crashes, lost answers and late or repeated events can take, enumerated.

The real decisions (`notifications.ledger`) run in a small world: one notification, two workers that may both
hold its message, an operator who may give it up once, a few steps of time. The search visits every state that
can be reached and checks in each that SES accepted the message at most once, and never after it was given up,
and that the message was not acknowledged before it was settled.
To show that the search would notice, each guard is taken away in turn: then it must find a violation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from notifications import ledger
from notifications.feedback_path import FeedbackPath
from notifications.ledger import (
    Abandoned,
    Abandonment,
    AlreadyHandled,
    Claim,
    Claimed,
    Decide,
    Guard,
    Record,
    Recorded,
    SesEvent,
    Status,
    Verdict,
    Write,
)

STEP_MS = 1_000
"""One step of the world's time. A claim made in a step may be used within that step only."""
LAST_STEP = 6
MOST_CLAIMS = 3
AT = "2026-11-24T06:00:00.000Z"


@dataclass(frozen=True)
class Rules:
    """The guards that hold; each may be taken away."""

    conditional_claim: bool = True
    results_only_of_own_attempt: bool = True
    send_by: bool = True
    settle_window: bool = True
    feedback_proof: bool = True
    rank: bool = True
    sdk_retries_off: bool = True
    refusal_is_recorded_before_it_counts: bool = True
    abandons_what_was_looked_at: bool = True
    abandons_nothing_in_flight: bool = True
    abandoned_is_final: bool = True


@dataclass(frozen=True)
class Worker:
    """What a worker is about to do, and the claim that it holds."""

    doing: str = "receive"
    claim: Claimed | None = None
    claimed_in_step: int = 0


@dataclass(frozen=True)
class Event:
    """A published event that has not been recorded yet; it may come once more after that."""

    attempt: int
    status: Status
    accepted_in_step: int
    repeat: bool = True


@dataclass(frozen=True)
class World:
    """All that decides what can happen next."""

    step: int = 0
    record: Record | None = None
    accepted: int = 0
    best_event: Status | None = None
    events: frozenset[Event] = frozenset()
    workers: tuple[Worker, ...] = (Worker(), Worker())
    acknowledged: bool = False
    tokens: int = 0
    refusals: int = 0
    last_step: int = LAST_STEP
    most_claims: int = MOST_CLAIMS
    operator: str = "is away"
    looked_at: Record | None = None


WITHOUT_OPERATOR = World()
WITH_OPERATOR = World(operator="looks", last_step=4, most_claims=2)
"""Less time, fewer attempts: what the operator does may come at any time between all else."""


class ViolationError(Exception):
    """The world is in a state that must not be."""


def successors(world: World, rules: Rules) -> Iterator[World]:
    if world.step < world.last_step:
        yield replace(world, step=world.step + 1)
    for event in world.events:
        yield from deliver(world, event, rules)
    for index, worker in enumerate(world.workers):
        yield from act(world, index, worker, rules)
        if worker.doing != "receive":
            yield with_worker(world, index, Worker())  # it crashes here
    yield from operate(world, rules)


def operate(world: World, rules: Rules) -> Iterator[World]:
    """An operator looks at the record, and at some time after that gives the notification up."""
    if world.operator == "looks":
        seen = replace(world.record, history=frozenset()) if world.record else None
        yield replace(world, operator="decides", looked_at=seen)
    elif world.operator == "decides":
        now_ms = world.step * STEP_MS if rules.abandons_nothing_in_flight else (LAST_STEP + 2) * STEP_MS
        wish = Abandonment(now_ms, AT, "why", "content", settle_window_ms=STEP_MS)
        after, verdict = write(world, unguarded(wish.decide, rules), world.looked_at, rules)
        if isinstance(verdict, Abandoned) and not rules.abandoned_is_final:
            assert after.record
            after = replace(after, record=replace(after.record, status=Status.READY))
        operator = "gave it up" if isinstance(verdict, Abandoned) else "left it"
        yield replace(after, operator=operator, looked_at=None)


def act(world: World, index: int, worker: Worker, rules: Rules) -> Iterator[World]:
    match worker.doing:
        case "receive" if not world.acknowledged:
            yield from claim(world, index, rules)
        case "send" if worker.claim:
            in_time = worker.claimed_in_step == world.step
            if in_time or not rules.send_by:
                yield from send(world, index, worker, rules)
            else:
                yield with_worker(world, index, replace(worker, doing="release"))
        case "record accepted" if worker.claim:
            after, _ = write(world, ledger.accepted(worker.claim, "m", AT).decide, own_record(worker), rules)
            yield with_worker(replace(after, acknowledged=True), index, Worker())
        case "release" if worker.claim:
            after, _ = write(
                world, ledger.released(worker.claim, "later", AT).decide, own_record(worker), rules
            )
            yield with_worker(after, index, Worker())
        case "record refused" if worker.claim:
            refusal = ledger.failed(worker.claim, "never", AT)
            after, verdict = write(world, refusal.decide, own_record(worker), rules)
            done = isinstance(verdict, Recorded) or not rules.refusal_is_recorded_before_it_counts
            yield with_worker(replace(after, acknowledged=world.acknowledged or done), index, Worker())


def claim(world: World, index: int, rules: Rules) -> Iterator[World]:
    if world.tokens == world.most_claims:
        return
    wish = Claim(
        now_ms=world.step * STEP_MS,
        at=AT,
        send_by_ms=world.step * STEP_MS + 1,
        token=f"token-{world.tokens}",
        fingerprint="content",
        settle_window_ms=STEP_MS if rules.settle_window else 0,
        feedback=feedback(world, rules),
    )
    after, verdict = write(world, wish.decide, None, rules)
    if isinstance(verdict, Claimed):
        after = replace(after, tokens=world.tokens + 1)
        yield with_worker(after, index, Worker("send", verdict, world.step))
    elif isinstance(verdict, AlreadyHandled):
        yield replace(after, acknowledged=True)


def feedback(world: World, rules: Rules) -> FeedbackPath:
    """The path as it would be seen: it is known to be alive if no event of two steps ago is still missing.

    That is how much the path itself may take, so that only the settle window covers the last step.
    """
    missing = any(event.repeat and event.accepted_in_step <= world.step - 2 for event in world.events)
    proven = not missing or not rules.feedback_proof
    now = world.step * STEP_MS
    return FeedbackPath(watermark_ms=now if proven else 0, recorded_at_ms=now, alive_since_ms=0)


def send(world: World, index: int, worker: Worker, rules: Rules) -> Iterator[World]:
    assert worker.claim
    event = Event(worker.claim.attempt, Status.SENT, world.step)
    bounce = Event(worker.claim.attempt, Status.BOUNCED, world.step)
    delivery = Event(worker.claim.attempt, Status.DELIVERED, world.step)
    taken = replace(world, accepted=world.accepted + 1)
    if world.operator == "gave it up":
        raise ViolationError("sent after it was given up")
    if not rules.sdk_retries_off:
        twice = replace(taken, accepted=taken.accepted + 1, events=world.events | {event})
        yield with_worker(twice, index, replace(worker, doing="record accepted"))
    for events in ({event}, {event, delivery}, {delivery, bounce}):
        known = replace(taken, events=world.events | events)
        yield with_worker(known, index, replace(worker, doing="record accepted"))
        yield with_worker(known, index, Worker())  # the answer is lost: unknown
    yield with_worker(world, index, Worker())  # never arrived at SES, and not known
    if world.refusals == 0:
        refused = replace(world, refusals=1)
        yield with_worker(refused, index, replace(worker, doing="release"))
        yield with_worker(refused, index, replace(worker, doing="record refused"))


def deliver(world: World, event: Event, rules: Rules) -> Iterator[World]:
    ses_event = SesEvent(f"{event.attempt}-{event.status}", event.status, "m", AT, AT, {"at": AT})
    after, _ = write(world, ses_event.decide, ses_event.expects, rules)
    best = max(filter(None, (world.best_event, event.status)), key=lambda status: status.rank)
    rest = world.events - {event}
    left = rest | {replace(event, repeat=False)} if event.repeat else rest
    yield replace(after, events=left, best_event=best)
    yield replace(after, events=rest, best_event=best)


def write(world: World, decide: Decide, assumed: Record | None, rules: Rules) -> tuple[World, Verdict]:
    record = assumed
    while isinstance(step := decide(record), Write):
        record = world.record
        if weakened(step.guard, rules).holds(record) or (step.guard.absent and not rules.conditional_claim):
            attributes: Mapping[str, Any] = step.changes.attributes
            before = record or Record(Status.READY)
            entry = {step.changes.history_id} if step.changes.history_id else set()
            after = replace(
                before,
                **{
                    name: attributes[name]
                    for name in vars(before)
                    if name in attributes and name != "history"
                },
                history=frozenset(before.history | entry),
            )
            return replace(world, record=after), step.verdict
    return world, step


def weakened(guard: Guard, rules: Rules) -> Guard:
    if not rules.results_only_of_own_attempt and guard.token is not None and not guard.absent:
        guard = replace(guard, attempt=None, token=None)
    if not rules.rank and guard.history_lacks is not None:
        guard = replace(guard, statuses=None)
    return guard


def unguarded(abandon: Decide, rules: Rules) -> Decide:
    """The abandonment as it would be if it did not matter what has become of the record since."""
    if rules.abandons_what_was_looked_at:
        return abandon

    def decide(record: Record | None) -> Write | Verdict:
        step = abandon(record)
        return replace(step, guard=Guard()) if isinstance(step, Write) and record else step

    return decide


def own_record(worker: Worker) -> Record:
    assert worker.claim
    return Record(Status.SENDING, worker.claim.attempt, worker.claim.token)


def with_worker(world: World, index: int, worker: Worker) -> World:
    workers = list(world.workers)
    workers[index] = worker
    return replace(world, workers=tuple(workers))


def check(world: World) -> None:
    if world.accepted > 1:
        raise ViolationError(f"accepted {world.accepted} times")
    status = world.record.status if world.record else None
    if world.acknowledged and not world.accepted and status not in (Status.FAILED, Status.ABANDONED):
        raise ViolationError("acknowledged, but never sent")
    if world.best_event and status and status.rank < world.best_event.rank:
        raise ViolationError(f"an event said {world.best_event}, the record says {status}")


def normal(world: World) -> World:
    """Forget what has no further influence: which token was drawn, and which worker is which."""
    workers = tuple(sorted(world.workers, key=repr))
    return replace(world, workers=workers)


def explore(rules: Rules, start: World) -> int:
    """Visit every state; returns their number."""
    seen, todo = {start}, [start]
    while todo:
        world = todo.pop()
        check(world)
        for after in map(normal, successors(world, rules)):
            if after not in seen:
                seen.add(after)
                todo.append(after)
    return len(seen)


@pytest.mark.parametrize(
    "start",
    [
        pytest.param(WITHOUT_OPERATOR, id="three-attempts"),
        pytest.param(WITH_OPERATOR, id="two-attempts-and-an-operator-who-gives-up"),
    ],
)
def test_no_course_of_events_sends_twice_or_loses_the_message(start: World) -> None:
    states = explore(Rules(), start)
    assert states > 10_000


@pytest.mark.parametrize("guard", list(vars(Rules())))
def test_search_finds_a_violation_when_a_guard_is_taken_away(guard: str) -> None:
    start = WITH_OPERATOR if "abandon" in guard else WITHOUT_OPERATOR
    with pytest.raises(ViolationError):
        explore(replace(Rules(), **{guard: False}), start)
