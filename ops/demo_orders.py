"""The orders of the demonstration, what is expected of each, and the account of what became of them. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ops import ledger_view
from ops.orders import Observed, Order, body


@dataclass(frozen=True)
class DemoOrder(Order):
    """One order of the demonstration.

    Parameters
    ----------
    what
        What is special about it.
    expected_event
        An event of SES that its history must hold.
    never
        Text that must not be in the mail's HTML.
    """

    what: str = ""
    expected_event: str = "Send"
    never: str | None = None


@dataclass
class DemoObserved(Observed):
    """What was seen of one order.

    Parameters
    ----------
    published_at
        When it was published, epoch seconds.
    """

    order: DemoOrder
    published_at: float = 0.0
    mails: list[dict[str, Any]] = field(default_factory=list)

    @property
    def seconds_to_accepted(self) -> float | None:
        """Seconds from the first publication until SES accepted the mail."""
        return self.mails[0]["accepted_at"] - self.published_at if self.mails else None

    def problems(self) -> list[str]:
        """What is not as expected; empty if all is well."""
        order, record = self.order, self.record or {}
        found = []
        wanted_mails = 0 if order.expected is None else 1
        if len(self.mails) != wanted_mails:
            found.append(f"SES accepted {len(self.mails)} mails instead of {wanted_mails}")
        if record.get("status") != order.expected:
            found.append(f"its status is {record.get('status')} instead of {order.expected}")
        if order.expected is None and self.refusal is None:
            found.append("it is not in the dead-letter queue")
        if order.expected and order.expected_event not in {e["event"] for e in ledger_view.history(record)}:
            found.append(f"its history lacks the event {order.expected_event}")
        if order.never and any(order.never in mail["html"] for mail in self.mails):
            found.append("HTML of the order is in the mail unescaped")
        return found


def orders(run: str, now: datetime) -> list[DemoOrder]:
    """Make the orders of a demonstration.

    Parameters
    ----------
    run
        Makes the order ids unlike those of other runs.
    """
    made: list[DemoOrder] = []

    def add(what: str, expected: str | None, text: str | None = None, **options: Any) -> None:
        """Options that are no fields of `DemoOrder` are changes of the sample."""
        order_id = f"DEMO-{run}-{len(made) + 1:02}"
        about = {name: options.pop(name) for name in ("expected_event", "copies", "never") if name in options}
        event = body(order_id, now, options.pop("customer", {}), **options)
        text = text.replace("ORDER_ID", order_id) if text else event
        made.append(DemoOrder(order_id, text, expected, what=what, **about))

    html = '<b onclick="alert(1)">Zoë</b>'
    add("an ordinary order", "DELIVERED")
    add("no tracking number yet", "DELIVERED", tracking=None)
    add("accents and HTML in the name", "DELIVERED", customer={"name": f"{html} Ångström & Søn"}, never=html)
    add("the same order three times", "DELIVERED", copies=3)
    add(
        "the mailbox does not exist",
        "BOUNCED",
        customer={"email": "bounce@simulator.amazonses.com"},
        expected_event="Bounce",
    )
    add(
        "reported as spam",
        "COMPLAINED",
        customer={"email": "complaint@simulator.amazonses.com"},
        expected_event="Complaint",
    )
    add(
        "out of office",
        "DELIVERED",
        customer={"email": "ooto@simulator.amazonses.com"},
        expected_event="Bounce",
    )
    add("not JSON", None, '{"type": "order_confirmation", "order_id": "ORDER_ID", "customer": ')
    add(
        "a second header in the address",
        None,
        customer={"email": "ada@example.com\nBcc: everyone@example.com"},
    )
    add("no items", None, items=[])
    add("an unknown email type", None, type="love_letter")
    return made


def report(observed: Sequence[DemoObserved]) -> dict[str, Any]:
    """Count what happened; emails from what SES accepted, not from what the ledger says.

    `orders` are published events: each is an email, a duplicate prevented or refused.
    """
    statuses = [(o.record or {}).get("status") for o in observed]
    seconds = sorted(o.seconds_to_accepted for o in observed if o.seconds_to_accepted is not None)
    events = sum(o.order.copies for o in observed)
    emails = sum(len(o.mails) for o in observed)
    refused = sum(o.refusal is not None for o in observed)
    return {
        "orders": events,
        "emails": emails,
        "duplicates_sent": sum(max(len(o.mails) - 1, 0) for o in observed),
        "duplicates_prevented": events - emails - refused,
        "delivered": statuses.count("DELIVERED"),
        "bounced": statuses.count("BOUNCED"),
        "complained": statuses.count("COMPLAINED"),
        "refused": refused,
        "seconds_to_accepted": {"p50": _percentile(seconds, 50), "p99": _percentile(seconds, 99)},
    }


def _percentile(ascending: Sequence[float], percent: int) -> float | None:
    """Nearest rank."""
    if not ascending:
        return None
    return round(ascending[math.ceil(len(ascending) * percent / 100) - 1], 3)
