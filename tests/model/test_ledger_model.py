"""Every course that workers, crashes, lost answers, lost, late and repeated events and a person can take.

The real decisions (`notifications.ledger`, `notifications.evidence`) run in a small world: one notification,
two workers that may both hold its message, a person who may settle it or give it up, a few steps of time. The
search visits every state that can be reached. It checks in each that SES accepted the message at most once,
but for what a person wanted sent again, and never after it was given up; and that the message was not
acknowledged before it was settled. Any event may come at any time, or never. One thing is assumed of attempts
that SES accepted and yet answered with an error: the event comes within the settle window, or something shows
that events are missing. Where neither holds is the residual in docs/architecture.md.

To show that the search would notice, each guard is taken away in turn: then it must find a violation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import pytest

from notifications import ledger
from notifications.evidence import Evidence, ResendAfterSilence, SettlingRules, Sign
from notifications.ledger import (
    Abandoned,
    Abandonment,
    AlreadyHandled,
    Choice,
    Claim,
    Claimed,
    Decide,
    Guard,
    LookAgain,
    NeedsEvidence,
    Record,
    Recorded,
    SesEvent,
    Settled,
    Settlement,
    Status,
    Verdict,
    Write,
)

STEP_MS = 1_000
"""One step of the world's time. A claim may be used within its step only. The settle window is one step, and
so is the time between two looks."""
AT = "2026-11-24T06:00:00.000Z"


@dataclass(frozen=True)
class Rules:
    """The guards that hold; each may be taken away."""

    conditional_claim: bool = True
    takes_over_what_was_looked_at: bool = True
    results_only_of_own_attempt: bool = True
    send_by: bool = True
    settle_window: bool = True
    unanswered_is_left_to_a_person: bool = True
    queues_are_looked_at: bool = True
    index_is_looked_at: bool = True
    discarded_events_are_looked_at: bool = True
    second_look: bool = True
    look_is_noted_on_what_was_looked_at: bool = True
    events_around_it_have_come: bool = True
    rank: bool = True
    sdk_retries_off: bool = True
    refusal_is_recorded_before_it_counts: bool = True
    settles_what_was_shown: bool = True
    settles_nothing_in_flight: bool = True
    settled_is_final: bool = True
    abandons_what_was_looked_at: bool = True
    abandons_nothing_in_flight: bool = True
    abandoned_is_final: bool = True


class Fate(StrEnum):
    """What becomes of the event of an email."""

    ANY = "comes at any time, or never"
    IN_TIME = "comes within the settle window"
    IN_QUEUE = "waits in a queue until it comes"
    WITH_OTHERS = "comes at any time, as those of the emails around it"
    DISCARDED = "is thrown away"
    IN_SILENCE = "is lost, as those of the emails around it"


@dataclass(frozen=True)
class Worker:
    """What a worker is about to do, the claim that it holds, and what it has looked at."""

    doing: str = "receive"
    claim: Claimed | None = None
    in_step: int = 0
    looked_at: Record | None = None
    evidence: Evidence | None = None


@dataclass(frozen=True)
class Event:
    """A published event that has not been recorded yet; it may come once more after that."""

    attempt: int
    status: Status
    accepted_in_step: int
    fate: Fate = Fate.ANY
    repeat: bool = True


@dataclass(frozen=True)
class World:
    """All that decides what can happen next.

    Parameters
    ----------
    wanted_again
        Attempts that were made because a person wanted them.
    misjudgements
        How often a look may still take a queue or an index for empty that is not.
    """

    step: int = 0
    record: Record | None = None
    accepted: int = 0
    wanted_again: int = 0
    best_event: Status | None = None
    events: frozenset[Event] = frozenset()
    workers: tuple[Worker, ...] = (Worker(), Worker())
    acknowledged: bool = False
    tokens: int = 0
    refusals: int = 0
    misjudgements: int = 1
    last_step: int = 5
    most_claims: int = 3
    policy: ResendAfterSilence = ResendAfterSilence.ANSWERED
    person: str = "is away"
    shown: Record | None = None


ALONE = World()
SHOP_THAT_SENDS_AGAIN = World(policy=ResendAfterSilence.ALL, last_step=4, misjudgements=0)
WITH_A_PERSON_WHO_SETTLES = World(person="looks to settle", last_step=4, most_claims=2, misjudgements=0)
WITH_A_PERSON_WHO_GIVES_UP = World(person="looks to give up", last_step=4, most_claims=2, misjudgements=0)
"""Less time, fewer attempts: what the person does may come at any time between all else."""


class ViolationError(Exception):
    """The world is in a state that must not be."""


def successors(world: World, rules: Rules) -> Iterator[World]:
    due = any(
        event.fate is Fate.IN_TIME and event.repeat and event.accepted_in_step < world.step
        for event in world.events
    )
    if world.step < world.last_step and not due:
        yield replace(world, step=world.step + 1)
    for event in world.events:
        if event.fate not in (Fate.DISCARDED, Fate.IN_SILENCE):
            yield from deliver(world, event, rules)
    for index, worker in enumerate(world.workers):
        yield from act(world, index, worker, rules)
        if worker.doing != "receive":
            yield with_worker(world, index, Worker())  # it crashes here
    yield from operate(world, rules)


def operate(world: World, rules: Rules) -> Iterator[World]:
    """A person looks at the record, and at some time after that decides on what it was."""
    seen = replace(world.record, history=frozenset()) if world.record else None
    match world.person:
        case "looks to give up":
            yield replace(world, person="gives up", shown=seen)
        case "looks to settle" if seen and seen.status is Status.SENDING:
            yield replace(world, person="settles", shown=seen)
        case "gives up":
            now_ms = world.step * STEP_MS if rules.abandons_nothing_in_flight else 10**9
            wish = Abandonment(now_ms, AT, "why", "content", settle_window_ms=STEP_MS)
            decide = wish.decide if rules.abandons_what_was_looked_at else unguarded(wish.decide, Guard())
            after, verdict = write(world, decide, world.shown, rules)
            if isinstance(verdict, Abandoned) and not rules.abandoned_is_final:
                assert after.record
                after = replace(after, record=replace(after.record, status=Status.READY))
            yield replace(after, person=said(Abandoned, verdict, "gave it up"), shown=None)
        case "settles":
            yield from settle(world, rules)


def settle(world: World, rules: Rules) -> Iterator[World]:
    assert world.shown
    now_ms = world.step * STEP_MS if rules.settles_nothing_in_flight else 10**9
    results = {
        Choice.SENT: "called it sent",
        Choice.SEND_AGAIN: f"wants {world.shown.attempt} again",
        Choice.GIVE_UP: "gave it up",
    }
    for choice, result in results.items():
        wish = Settlement(
            choice, world.shown.attempt, world.shown.token, now_ms, AT, "person", "why", STEP_MS
        )
        decide: Decide = wish.decide
        if not rules.settles_what_was_shown:
            decide = unguarded(wish.decide, Guard(statuses=frozenset({Status.SENDING})))
        after, verdict = write(world, decide, world.shown, rules)
        if isinstance(verdict, Settled) and choice is Choice.SENT and not rules.settled_is_final:
            assert after.record
            after = replace(after, record=replace(after.record, status=Status.READY))
        yield replace(after, person=said(Settled, verdict, result), shown=None)


def said(done: type, verdict: Verdict, result: str) -> str:
    return result if isinstance(verdict, done) else "left it"


def act(world: World, index: int, worker: Worker, rules: Rules) -> Iterator[World]:
    match worker.doing:
        case "receive" if not world.acknowledged:
            yield from claim(world, index, worker, rules)
        case "claim on evidence":
            yield from claim(world, index, worker, rules)
        case "send" if worker.claim:
            if worker.in_step == world.step or not rules.send_by:
                yield from send(world, index, worker, rules)
            else:
                yield with_worker(world, index, replace(worker, doing="release"))
        case "record accepted" if worker.claim:
            after, _ = write(world, ledger.accepted(worker.claim, "m", AT).decide, own_record(worker), rules)
            yield with_worker(replace(after, acknowledged=True), index, Worker())
        case "note error" if worker.claim:
            after, _ = write(
                world, ledger.answered(worker.claim, "5xx", AT).decide, own_record(worker), rules
            )
            yield with_worker(after, index, Worker())
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


def claim(world: World, index: int, worker: Worker, rules: Rules) -> Iterator[World]:
    if world.tokens == world.most_claims:
        return
    looked_in_step = worker.in_step if worker.evidence else world.step
    wish = Claim(
        now_ms=looked_in_step * STEP_MS,
        at=AT,
        send_by_ms=world.step * STEP_MS + 1,
        token=f"token-{world.tokens}-{index}",
        fingerprint="content",
        rules=SettlingRules(STEP_MS if rules.settle_window else 0, 0, world.policy),
        open_shard="0",
        evidence=worker.evidence,
    )
    before = world.record
    after, verdict = write(world, loosened(wish.decide, rules), worker.looked_at, rules)
    match verdict:
        case Claimed():
            wanted = before is not None and world.person == f"wants {before.attempt} again"
            by_person = bool(before and before.decision and wanted)
            after = replace(after, tokens=world.tokens + 1, wanted_again=world.wanted_again + by_person)
            yield with_worker(after, index, Worker("send", verdict, world.step))
        case AlreadyHandled():
            yield with_worker(replace(after, acknowledged=True), index, Worker())
        case NeedsEvidence(record):
            for left, evidence in looks(world, record, rules):
                with_it = Worker("claim on evidence", in_step=world.step, looked_at=record, evidence=evidence)
                yield with_worker(replace(after, misjudgements=left), index, with_it)
        case _:
            yield with_worker(after, index, Worker())


def looks(world: World, record: Record, rules: Rules) -> Iterator[tuple[int, Evidence]]:
    """What a worker may see around an attempt, and how many misjudgements are left after it."""
    fates = {event.fate for event in world.events if event.repeat}
    waits = Fate.IN_QUEUE in fates and rules.queues_are_looked_at
    signs = []
    if Fate.WITH_OTHERS in fates and rules.index_is_looked_at:
        signs.append((Sign.AWAITED, record.claimed_at_ms))
    if Fate.DISCARDED in fates and rules.discarded_events_are_looked_at:
        signs.append((Sign.DISCARDED, record.claimed_at_ms))
    heard: tuple[tuple[Sign, int], ...] = ()
    if Fate.IN_SILENCE not in fates or not rules.events_around_it_have_come:
        heard = tuple((Sign.HEARD, record.claimed_at_ms + distance) for distance in (-1, 1))
    yield world.misjudgements, Evidence(record.token, not waits, (*signs, *heard))
    if world.misjudgements and (waits or signs):
        yield world.misjudgements - 1, Evidence(record.token, queues_empty=True, signs=heard)


def send(world: World, index: int, worker: Worker, rules: Rules) -> Iterator[World]:
    assert worker.claim
    attempt = worker.claim.attempt
    taken = replace(world, accepted=world.accepted + 1)
    if world.person == "gave it up":
        raise ViolationError("sent after it was given up")

    def event(fate: Fate, status: Status = Status.SENT) -> Event:
        return Event(attempt, status, world.step, fate)

    if not rules.sdk_retries_off:
        twice = replace(taken, accepted=taken.accepted + 1, events=world.events | {event(Fate.ANY)})
        yield with_worker(twice, index, replace(worker, doing="record accepted"))
    for events in sent_events(world, event):
        known = replace(taken, events=world.events | events)
        yield with_worker(known, index, replace(worker, doing="record accepted"))
    yield from send_without_certainty(world, taken, index, worker, event)
    if world.refusals == 0:
        refused = replace(world, refusals=1)
        yield with_worker(refused, index, replace(worker, doing="release"))
        yield with_worker(refused, index, replace(worker, doing="record refused"))


IN_DOUBT = (Fate.IN_TIME, Fate.IN_QUEUE, Fate.WITH_OTHERS, Fate.DISCARDED)


def sent_events(world: World, event: Callable[..., Event]) -> list[set[Event]]:
    """Events of an email of whose acceptance the worker may yet fail to tell."""
    if world.policy is ResendAfterSilence.ALL:
        return [{event(fate)} for fate in (*IN_DOUBT, Fate.IN_SILENCE)]
    return [{event(Fate.ANY)}, {event(Fate.ANY, Status.DELIVERED), event(Fate.ANY, Status.BOUNCED)}]


def send_without_certainty(
    world: World, taken: World, index: int, worker: Worker, event: Callable[..., Event]
) -> Iterator[World]:
    # SES answers with an error, and has accepted it or not.
    for fate in IN_DOUBT:
        accepted = replace(taken, events=world.events | {event(fate)})
        yield with_worker(accepted, index, replace(worker, doing="note error"))
    yield with_worker(world, index, replace(worker, doing="note error"))
    # No answer comes.
    for events in sent_events(world, event):
        yield with_worker(replace(taken, events=world.events | events), index, Worker())
    yield with_worker(world, index, Worker())


def deliver(world: World, event: Event, rules: Rules) -> Iterator[World]:
    ses_event = SesEvent(
        f"{event.attempt}-{event.status}", event.attempt, event.status, "m", AT, AT, {"at": AT}
    )
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
        if weakened(step, rules).holds(record) or (step.guard.absent and not rules.conditional_claim):
            return replace(world, record=changed(record, step)), step.verdict
    return world, step


def changed(record: Record | None, step: Write) -> Record:
    attributes: Mapping[str, Any] = step.changes.attributes
    before = record or Record(Status.READY)
    blank = vars(Record(Status.READY))
    entry = {step.changes.history_id} if step.changes.history_id else set()
    known = {name: attributes[name] for name in vars(before) if name in attributes and name != "history"}
    removed = {name: blank[name] for name in step.changes.removed if name in blank}
    return replace(before, **removed, **known, history=frozenset(before.history | entry))


def weakened(step: Write, rules: Rules) -> Guard:
    guard = step.guard
    if isinstance(step.verdict, Recorded) and not rules.results_only_of_own_attempt:
        guard = replace(guard, attempt=None, token=None)
    if isinstance(step.verdict, Claimed) and not rules.takes_over_what_was_looked_at and not guard.absent:
        guard = replace(guard, attempt=None, token=None)
    if isinstance(step.verdict, LookAgain) and not rules.look_is_noted_on_what_was_looked_at:
        guard = replace(guard, attempt=None, token=None)
    if guard.history_lacks is not None and not rules.rank:
        guard = replace(guard, statuses=None)
    return guard


def loosened(decide: Decide, rules: Rules) -> Decide:
    """A claim that takes silence for more than it is."""

    def loose(record: Record | None) -> Write | Verdict:
        if record and not rules.unanswered_is_left_to_a_person:
            record = replace(record, answer=ledger.ANSWERED_WITH_ERROR)
        if record and record.first_look_ms is None and not rules.second_look:
            record = replace(record, first_look_ms=-(10**9))
        return decide(record)

    return loose


def unguarded(decide: Decide, guard: Guard) -> Decide:
    """A person's decision as it would be if it did not matter what has become of the record since."""

    def decide_anyway(record: Record | None) -> Write | Verdict:
        step = decide(record)
        return replace(step, guard=guard) if isinstance(step, Write) and record else step

    return decide_anyway


def own_record(worker: Worker) -> Record:
    assert worker.claim
    return Record(Status.SENDING, worker.claim.attempt, worker.claim.token)


def with_worker(world: World, index: int, worker: Worker) -> World:
    workers = list(world.workers)
    workers[index] = worker
    return replace(world, workers=tuple(workers))


def check(world: World) -> None:
    if world.accepted > 1 + world.wanted_again:
        raise ViolationError(f"accepted {world.accepted} times")
    status = world.record.status if world.record else None
    by_person = world.person in ("called it sent", "gave it up")
    if world.acknowledged and not world.accepted and status is not Status.FAILED and not by_person:
        raise ViolationError("acknowledged, but never sent")
    if world.best_event and status and status.rank < world.best_event.rank:
        raise ViolationError(f"an event said {world.best_event}, the record says {status}")
    if world.person == "called it sent" and status and not status.is_accepted:
        raise ViolationError(f"a person called it sent, the record says {status}")


def normal(world: World) -> World:
    """Forget what has no further influence: which worker is which."""
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
        pytest.param(ALONE, id="three-attempts"),
        pytest.param(SHOP_THAT_SENDS_AGAIN, id="unanswered-attempts-are-made-again"),
        pytest.param(WITH_A_PERSON_WHO_SETTLES, id="a-person-settles"),
        pytest.param(WITH_A_PERSON_WHO_GIVES_UP, id="a-person-gives-up"),
    ],
)
def test_no_course_of_events_sends_twice_or_loses_the_message(start: World) -> None:
    states = explore(Rules(), start)
    assert states > 10_000


MATTERING_WHERE_UNANSWERED_IS_SENT_AGAIN = (
    "events_around_it_have_come",
    "results_only_of_own_attempt",
    "refusal_is_recorded_before_it_counts",
)
"""Elsewhere no attempt follows one whose worker may still report."""


@pytest.mark.parametrize("guard", list(vars(Rules())))
def test_search_finds_a_violation_when_a_guard_is_taken_away(guard: str) -> None:
    start = ALONE
    if "settle" in guard and guard != "settle_window":
        start = WITH_A_PERSON_WHO_SETTLES
    elif "abandon" in guard:
        start = WITH_A_PERSON_WHO_GIVES_UP
    elif guard in MATTERING_WHERE_UNANSWERED_IS_SENT_AGAIN:
        start = SHOP_THAT_SENDS_AGAIN
    with pytest.raises(ViolationError):
        explore(replace(Rules(), **{guard: False}), start)
