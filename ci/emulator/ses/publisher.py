"""Events on their way: published to SNS from one background thread, when their time has come."""

from __future__ import annotations

import heapq
import itertools
import json
import logging
import threading
import time
from dataclasses import dataclass, field, replace

from ci.emulator.faults import plan
from ci.emulator.ministack import responses, ses_v2, sns
from ci.emulator.ses import accept_log, accounts, topics
from ci.emulator.ses.events import MATCHING_EVENT_TYPE, Event, Sending

logger = logging.getLogger("ses-twin")

SUBJECT = "Amazon SES Email Event Notification"


@dataclass(frozen=True, order=True)
class _Pending:
    """An event that waits for its time; one that a fault delayed or doubled meets no other (`faulted`)."""

    due_at: float
    number: int
    event: Event = field(compare=False)
    sending: Sending = field(compare=False)
    faulted: bool = field(compare=False, default=False)


_wake = threading.Condition()
_queue: list[_Pending] = []
_held: list[_Pending] = []
_numbers = itertools.count()
_publishing: list[_Pending] = []
_thread: threading.Thread | None = None


def publish_later(event: Event, sending: Sending, due_at: float) -> None:
    """Publish an event at a time (epoch seconds); events go out in the order of these times."""
    _add(_Pending(due_at, next(_numbers), event, sending))


def settings_changed() -> None:
    """Look again at the events that were held back."""
    with _wake:
        for pending in _held:
            heapq.heappush(_queue, pending)
        _held.clear()
        _wake.notify()


def waiting() -> int:
    """Return the number of events not yet published."""
    with _wake:
        return len(_queue) + len(_held) + len(_publishing)


def clear() -> None:
    """Drop all events not yet published."""
    with _wake:
        _queue.clear()
        _held.clear()


def _add(pending: _Pending) -> None:
    global _thread  # noqa: PLW0603 - started with the first event
    with _wake:
        heapq.heappush(_queue, pending)
        if _thread is None:
            _thread = threading.Thread(target=_run, name="ses-twin-events", daemon=True)
            _thread.start()
        _wake.notify()


def _run() -> None:
    while True:
        pending = _next_due()
        try:
            if _passes(pending):
                _publish(pending)
        except Exception:
            logger.exception("A %s event could not be published", pending.event["eventType"])
        finally:
            with _wake:
                _publishing.remove(pending)


def _next_due() -> _Pending:
    with _wake:
        while True:
            if not _queue:
                _wake.wait()
            elif (seconds := _queue[0].due_at - time.time()) > 0:
                _wake.wait(seconds)
            else:
                pending = heapq.heappop(_queue)
                if not accounts.of(pending.sending.account, pending.sending.region).settings.events_held:
                    _publishing.append(pending)
                    return pending
                _held.append(pending)


def _passes(pending: _Pending) -> bool:
    """Ask the faults; an event that is late or comes twice is put back for later."""
    hit = None if pending.faulted else plan.decide("ses:PublishEvent", "", json.dumps(pending.event))
    if hit and hit.fault.effect in ("delay", "duplicate"):
        later = time.time() + hit.seconds
        _add(replace(pending, due_at=later, number=next(_numbers), faulted=True))
    return hit is None or hit.fault.effect == "duplicate"


def _publish(pending: _Pending) -> None:
    sending = pending.sending
    name = sending.message.configuration_set
    wanted = MATCHING_EVENT_TYPE[pending.event["eventType"]]
    source_arn = f"arn:aws:ses:{sending.region}:{sending.account}:configuration-set/{name}"
    with responses.request_scope(sending.account, sending.region):
        configuration_set = ses_v2._config_sets.get(name) or {}
        for destination in list((configuration_set.get("EventDestinations") or {}).values()):
            topic = (destination.get("SnsDestination") or {}).get("TopicArn")
            if not topic or not destination["Enabled"] or wanted not in destination["MatchingEventTypes"]:
                continue
            if obstacle := topics.obstacle(topic, source_arn):
                logger.warning("SES loses the events of configuration set %s: %s", name, obstacle)
            else:
                accept_log.record_publication(sending.message_id, pending.event["eventType"])
                sns.publish_internal(topic, json.dumps(pending.event), SUBJECT)
