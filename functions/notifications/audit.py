"""The audit trail of what people, and the reputation guard, have changed: who, when, why.

Audit items live in the ledger's table, one a decision.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from notifications.times import iso

AUDIT_ORDER_KEY = "~audit"
AUDIT_RETENTION = timedelta(days=731)
"""Two years, whatever the retention of records."""


@dataclass(frozen=True)
class Decision:
    """Who does it, when and why. The reason holds nothing of a customer's."""

    by: str
    at: datetime
    reason: str

    @property
    def attributes(self) -> dict[str, Any]:
        """In DynamoDB's notation."""
        return {"by": {"S": self.by}, "at": {"S": iso(self.at)}, "reason": {"S": self.reason}}


def audit_item(action: str, decision: Decision, **facts: str) -> dict[str, Any]:
    """An audit item in DynamoDB's notation, to be put in the same transaction as what it tells of.

    Parameters
    ----------
    action
        What was done, as the command is called: `hold`, `resume`, `resend`, …
    facts
        What it was done to, such as `record`, a notification's key as text; not the item's own keys, and
        nothing that a customer supplied.
    """
    expires_at = int((decision.at + AUDIT_RETENTION).timestamp())
    return {
        "order_key": {"S": AUDIT_ORDER_KEY},
        "notification": {"S": f"{iso(decision.at)}-{secrets.token_hex(4)}"},
        "action": {"S": action},
        **decision.attributes,
        **{name: {"S": value} for name, value in facts.items()},
        "expires_at": {"N": str(expires_at)},
    }
