"""Every message that SES accepted, in order: what duplicates and losses are counted from."""

from __future__ import annotations

import threading
from typing import Any

from ci.emulator.ses.events import Sending

_lock = threading.Lock()
_accepted: list[Sending] = []


def record(sending: Sending) -> None:
    """Add a message; called once, at the moment of acceptance."""
    with _lock:
        _accepted.append(sending)


def as_json() -> list[dict[str, Any]]:
    """Return all accepted messages in the control API's form, oldest first."""
    with _lock:
        accepted = list(_accepted)
    return [_as_json(sending) for sending in accepted]


def clear() -> None:
    """Forget them."""
    with _lock:
        _accepted.clear()


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
