"""One run: orders are published amid faults, and waited for until nothing is left to do.

The seed decides the orders and their sequence, which calls break, and by how much events are late. It does
not decide which order makes the n-th call, which messages share a batch, or which worker is busy when the
clock strikes: that is the machine's scheduling, so that two runs of one seed are alike but not the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from tests.chaos import faults, orders
from tests.chaos.orders import Orders
from tests.chaos.report import FEEDBACK_QUEUES, Report, judge, unfinished
from tests.support.system import System

SETTLE_SECONDS = 6
PARAMETERS = {
    "FunctionTimeoutSeconds": "6",
    "VisibilityTimeoutSeconds": "8",
    "SettleWindowSeconds": str(SETTLE_SECONDS),
    "DecisionAfterMinutes": "0",
    "SendMaximumConcurrency": "4",
}
"""A crash costs its batch the visibility timeout, an unknown outcome the function's and the settle window."""

SES_RATE = 500
"""High enough not to matter: that SES throttles is one of the faults."""

FEEDBACK_OUTAGE_SECONDS = 3 * SETTLE_SECONDS
TABLE_OUTAGE_SECONDS = 3

PUBLISHERS = 4
AT_ONCE = 20
BACKLOG = 200
"""Messages waiting in the send queue above which publishing pauses: outages are to come amid the sending."""

PROBE_SECONDS = SETTLE_SECONDS / 2.5
"""So that emails are accepted amid an outage, too."""

STUCK_SECONDS = 1000.0
"""A run in which nothing more ends for so long is given up: a message waits for 15 minutes at most."""

Tell = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""


def run(system: System, count: int, seed: int, tell: Tell = lambda *_: None) -> Report:
    """Send so many orders through a system that has done nothing else yet, and judge."""
    begun = time.monotonic()
    planned = orders.plan(count, seed)
    system.control.set_ses(max_send_rate=SES_RATE, max_24_hour_send=10**7)
    system.control.set_faults(faults.plan(count, seed), seed=seed)
    outages = Outages(system, planned)
    _publish(system, planned.messages, outages, tell)
    _settle(system, planned, tell)
    hits = {faults.EVENTS_HELD: outages.events_held} | _hits(system)
    system.control.clear_faults()
    return judge(system, planned, hits, seed=seed, seconds=time.monotonic() - begun)


@dataclass
class Outages:
    """What fails altogether for some seconds. Orders go on being published meanwhile."""

    system: System
    orders: Orders
    events_held: int = 0

    def hold_events(self) -> None:
        """SES publishes no events, and all of them afterwards."""
        self.system.control.set_ses(events_held=True)
        self._last(FEEDBACK_OUTAGE_SECONDS, faults.EVENTS_HELD, self._count_held)
        self.system.control.set_ses(events_held=False)

    def stop_tracker(self) -> None:
        """Events arrive, but the function fails that records them."""
        with self._in_force(faults.TRACKER_DOWN):
            self._last(FEEDBACK_OUTAGE_SECONDS, faults.TRACKER_DOWN)

    def stop_table(self) -> None:
        """DynamoDB refuses whatever it is asked, also when it is asked again."""
        with self._in_force(faults.TABLE_DOWN):
            self._last(TABLE_OUTAGE_SECONDS, faults.TABLE_DOWN)

    @contextmanager
    def _in_force(self, fault: str) -> Iterator[None]:
        self.system.control.switch_fault(fault, enabled=True)
        yield
        self.system.control.switch_fault(fault, enabled=False)

    def _last(self, seconds: float, fault: str, hits: Callable[[], int] | None = None) -> None:
        """Wait so long, and until it has hit often enough."""
        hits = hits or (lambda: _hits(self.system)[fault])
        needed = faults.hits_needed(fault, len(self.orders.valid))
        begun = time.monotonic()
        while (passed := time.monotonic() - begun) < seconds or (hits() < needed and passed < STUCK_SECONDS):
            self.system.publish(self.orders.next_probe())
            time.sleep(min(PROBE_SECONDS, seconds))

    def _count_held(self) -> int:
        self.events_held = max(self.events_held, self.system.control.ses()["events_waiting"])
        return self.events_held


def _publish(system: System, messages: list[str], outages: Outages, tell: Tell) -> None:
    """Publish everything; the outages come one after the other in the middle of it."""
    to_begin = [(0.2, outages.hold_events), (0.4, outages.stop_tracker), (0.8, outages.stop_table)]
    under_way: list[Future[None]] = []
    with ThreadPoolExecutor(PUBLISHERS) as publishers, ThreadPoolExecutor(1) as other:
        for begin in range(0, len(messages), AT_ONCE):
            while to_begin and begin >= to_begin[0][0] * len(messages):
                under_way.append(other.submit(to_begin.pop(0)[1]))
            _wait_for_backlog(system)
            list(publishers.map(system.publish, messages[begin : begin + AT_ONCE]))
            tell("publishing", begin, len(messages))
        for outage in under_way:
            outage.result()


def _settle(system: System, planned: Orders, tell: Tell) -> None:
    """Wait until nothing is left to do; what waits for a person is settled by what SES has accepted."""
    fewest, changed = None, time.monotonic()
    while time.monotonic() - changed < STUCK_SECONDS:
        waiting = system.waiting()
        left = waiting + sum(system.waiting(queue) for queue in FEEDBACK_QUEUES)
        if fewest is None or left < fewest:
            fewest, changed = left, time.monotonic()
        if not left and not unfinished(system, planned):
            return
        tell("settling", max(len(planned.messages) - waiting, 0), len(planned.messages))
        system.settle_undecided()
        time.sleep(PROBE_SECONDS)


def _wait_for_backlog(system: System) -> None:
    while _visible(system) > BACKLOG:
        time.sleep(0.5)


def _visible(system: System) -> int:
    """Messages in the send queue that wait for nothing but a worker."""
    url = system.outputs["SendQueueUrl"]
    attributes = system.aws.sqs.get_queue_attributes(
        QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"]
    )["Attributes"]
    return int(attributes["ApproximateNumberOfMessages"])


def _hits(system: System) -> dict[str, int]:
    return {fault["name"]: fault["hits"] for fault in system.control.faults()}
