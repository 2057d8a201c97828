"""One run: orders, faults, and the verdict by what SES accepted."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from notifications.keys import order_key
from tests.chaos import faults
from tests.support.system import System, order

PARAMETERS = {
    "FunctionTimeoutSeconds": "6",
    "VisibilityTimeoutSeconds": "8",
    "SettleWindowSeconds": "6",
    "SendMaximumConcurrency": "4",
}
"""A crash costs a batch the visibility timeout, an unknown outcome the function's and the settle window."""

SETTLE_SECONDS = 6
SES_RATE = 500
MALFORMED_SHARE = 0.02
PUBLISHERS = 4
PROBE_SECONDS = 1.0
STUCK_SECONDS = 1000.0
"""A run in which nothing has changed for so long is given up. An event that failed many times may wait for 15
minutes, and while it does nothing of unknown outcome is sent again."""


@dataclass
class Verdict:
    """What a run has shown."""

    seed: int
    valid: int = 0
    malformed: int = 0
    published: int = 0
    accepted: int = 0
    duplicates: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    valid_in_dead_letters: list[str] = field(default_factory=list)
    malformed_not_in_dead_letters: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    resent_after_unknown: int = 0
    attempts: dict[int, int] = field(default_factory=dict)
    hits: dict[str, int] = field(default_factory=dict)
    faults_without_effect: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """Nothing lost, doubled, misplaced or left, and each fault was really there."""
        return not (
            self.duplicates
            or self.lost
            or self.valid_in_dead_letters
            or self.malformed_not_in_dead_letters
            or self.unfinished
            or self.faults_without_effect
        )


@dataclass(frozen=True)
class Plan:
    """The orders of a run."""

    valid: dict[str, str]
    malformed: dict[str, str]
    messages: list[str]


def plan_orders(count: int, seed: int) -> Plan:
    """Valid orders, each published one to three times, malformed ones among them, all in random order."""
    rng = random.Random(seed)
    run = f"{rng.randrange(16**6):06x}"
    valid = {(id_ := f"C-{run}-{n:05d}"): json.dumps(order(id_)) for n in range(count)}
    malformed = {
        (id_ := f"M-{run}-{n:05d}"): json.dumps(order(id_, items=[]))
        for n in range(max(1, int(count * MALFORMED_SHARE)))
    }
    messages = [body for body in valid.values() for _ in range(rng.choice((1, 1, 2, 3)))] + list(
        malformed.values()
    )
    rng.shuffle(messages)
    return Plan(valid, malformed, messages)


def run(
    system: System, count: int, seed: int, tell: Callable[[str, int, int], None] = lambda *_: None
) -> Verdict:
    """Publish the orders amid the faults, wait until everything has settled, and judge.

    Parameters
    ----------
    tell
        Called with what is being done, how much of it is done, and how much there is.
    """
    begun = time.monotonic()
    plan = plan_orders(count, seed)
    system.control.set_ses(max_send_rate=SES_RATE, max_24_hour_send=10**7)
    system.control.clear_accepted()
    system.control.set_faults(faults.plan(count), seed=seed)
    _publish(system, plan.messages, tell)
    _settle(system, plan, tell)
    hits = _hits(system)
    system.control.clear_faults()
    verdict = _judge(system, plan, seed, hits)
    verdict.faults_without_effect = [name for name, n in hits.items() if n < faults.hits_needed(count)]
    if faults.TRACKER_DOWN in verdict.faults_without_effect and hits[faults.TRACKER_DOWN]:
        verdict.faults_without_effect.remove(faults.TRACKER_DOWN)
    verdict.seconds = time.monotonic() - begun
    return verdict


def _publish(system: System, messages: list[str], tell: Callable[[str, int, int], None]) -> None:
    """Publish all; meanwhile SES's events stop for three settle windows, and later the tracker does."""
    done = threading.Semaphore(0)

    def publish(body: str) -> None:
        system.publish(body)
        done.release()

    outages = {len(messages) // 4: _hold_events, len(messages) // 2: _stop_tracker}
    with ThreadPoolExecutor(PUBLISHERS) as publishers, ThreadPoolExecutor(1) as outage:
        for body in messages:
            publishers.submit(publish, body)
        ends = []
        for number in range(1, len(messages) + 1):
            done.acquire()
            tell("publishing", number, len(messages))
            if number in outages:
                ends.append(outage.submit(outages[number], system))
        for end in ends:
            end.result()


def _hold_events(system: System) -> None:
    system.control.set_ses(events_held=True)
    time.sleep(3 * SETTLE_SECONDS)
    system.control.set_ses(events_held=False)


def _stop_tracker(system: System) -> None:
    system.control.switch_fault(faults.TRACKER_DOWN, enabled=True)
    begun = time.monotonic()
    while time.monotonic() - begun < 3 * SETTLE_SECONDS or not _hits(system)[faults.TRACKER_DOWN]:
        system.publish(order())
        time.sleep(PROBE_SECONDS)
    system.control.switch_fault(faults.TRACKER_DOWN, enabled=False)


def _hits(system: System) -> dict[str, int]:
    return {fault["name"]: fault["hits"] for fault in system.control.faults()}


def _settle(system: System, plan: Plan, tell: Callable[[str, int, int], None]) -> None:
    """Wait until nothing is left to do; other orders show meanwhile that the feedback path is alive."""
    changed, last = time.monotonic(), None
    while time.monotonic() - changed < STUCK_SECONDS:
        waiting = system.waiting("SendQueueUrl")
        open_ = _unfinished(system, plan)
        tell("settling", len(plan.valid) - len(open_), len(plan.valid))
        if not open_ and not waiting:
            return
        if (waiting, len(open_)) != last:
            changed, last = time.monotonic(), (waiting, len(open_))
        system.publish(order())
        time.sleep(PROBE_SECONDS)


def _unfinished(system: System, plan: Plan) -> list[str]:
    items = _items(system)
    return [
        id_
        for id_ in plan.valid
        if items.get(order_key(id_), {}).get("status", "none") in ("none", "READY", "SENDING")
    ]


def _items(system: System) -> dict[str, dict[str, Any]]:
    table = system.aws.session.resource("dynamodb", **system.aws.client_options).Table(
        system.outputs["LedgerTableName"]
    )
    items, page = [], table.scan()
    items += page["Items"]
    while "LastEvaluatedKey" in page:
        page = table.scan(ExclusiveStartKey=page["LastEvaluatedKey"])
        items += page["Items"]
    return {item["order_key"]: item for item in items}


def _judge(system: System, plan: Plan, seed: int, hits: dict[str, int]) -> Verdict:
    times = Counter(message["tags"]["order_key"] for message in system.control.accepted())
    items = _items(system)
    letters = set(system.dead_letters()) | set(system.dead_letters("OrderEventsUndeliveredQueueUrl"))
    keys = {id_: order_key(id_) for id_ in plan.valid}
    own = [items[key] for key in keys.values() if key in items]
    return Verdict(
        seed=seed,
        valid=len(plan.valid),
        malformed=len(plan.malformed),
        published=len(plan.messages),
        accepted=sum(times[key] for key in keys.values()),
        duplicates=[id_ for id_, key in keys.items() if times[key] > 1],
        lost=[id_ for id_, key in keys.items() if not times[key]],
        valid_in_dead_letters=[id_ for id_, body in plan.valid.items() if body in letters],
        malformed_not_in_dead_letters=[id_ for id_, body in plan.malformed.items() if body not in letters],
        unfinished=_unfinished(system, plan),
        resent_after_unknown=sum(int(item.get("resends", 0)) for item in own),
        attempts=dict(sorted(Counter(int(item["attempt"]) for item in own).items())),
        hits=hits,
    )


def explain(system: System, id_: str) -> dict[str, Any]:
    """Everything about one order: its record, what SES accepted, and the lines that the functions logged."""
    key = order_key(id_)
    logs = system.client("logs")
    lines = [
        event["message"].strip()
        for function in (faults.SEND, faults.TRACK)
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{function}")
        for event in page["events"]
        if key in event["message"]
    ]
    accepted = [
        {name: message[name] for name in ("message_id", "accepted_at", "tags")}
        for message in system.control.accepted()
        if message["tags"].get("order_key") == key
    ]
    return {"order": id_, "record": system.records(id_), "accepted": accepted, "log": lines}
