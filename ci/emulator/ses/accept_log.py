"""Every message that SES accepted, in order, and which of its events it published.

What duplicates and losses are counted from, and whether the system could have known better.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from typing import Any

from ci.emulator.ses.events import Sending

_lock = threading.Lock()
_accepted: list[Sending] = []
_published: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)


def record(sending: Sending) -> None:
    """Add a message; called once, at the moment of acceptance."""
    with _lock:
        _accepted.append(sending)


def record_publication(message_id: str, event_type: str) -> None:
    """Note that an event of a message has gone to the topic, now."""
    with _lock:
        _published[message_id].append({"event": event_type, "at": time.time()})


def as_json() -> list[dict[str, Any]]:
    """Return all accepted messages in the control API's form, oldest first."""
    with _lock:
        accepted = list(_accepted)
    return [_as_json(sending) for sending in accepted]


def publications_as_json() -> list[dict[str, Any]]:
    """Return, for each accepted message, which of its events were published when; oldest message first."""
    with _lock:
        return [
            {
                "message_id": sending.message_id,
                "accepted_at": sending.accepted_at,
                "tags": sending.message.tags,
                "published": list(_published.get(sending.message_id, ())),
            }
            for sending in _accepted
        ]


def clear() -> None:
    """Forget them."""
    with _lock:
        _accepted.clear()
        _published.clear()


def _as_json(sending: Sending) -> dict[str, Any]:
    message = sending.message
    return {
        "message_id": sending.message_id,
        "accepted_at": sending.accepted_at,
        "account": sending.account,
        "region": sending.region,
        "caller": sending.caller,
        "from": message.source,
        "to": message.to,
        "cc": message.cc,
        "bcc": message.bcc,
        "subject": message.subject,
        "html": message.html,
        "text": message.text,
        "tags": message.tags,
        "configuration_set": message.configuration_set,
        "headers": list(message.headers),
    }
