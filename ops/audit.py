"""Every command that changes something says who did it, when and why."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from notifications.audit import Decision, audit_item
from ops.errors import InputError
from ops.targets import Deployed

REASON_LENGTH = 500

Reason = Annotated[
    str, typer.Option("--reason", help="Why, for whoever looks later; nothing of a customer's.")
]


def decision(of: Deployed, reason: str) -> Decision:
    """The caller's decision, as of now.

    Raises
    ------
    InputError
        The reason says nothing, or too much.
    """
    if not reason.strip() or len(reason) > REASON_LENGTH:
        raise InputError(
            f"The reason has {len(reason)} characters.", f"Say why in 1 to {REASON_LENGTH} characters."
        )
    by = of.aws.client("sts").get_caller_identity()["Arn"]
    return Decision(by, datetime.now(UTC), reason.strip())


def record(of: Deployed, action: str, made: Decision, **facts: str) -> None:
    """Write an audit item, where it cannot be in one transaction with what it tells of.

    Write it first: an interrupted command then leaves a decision without its effect, which the same command
    makes up for, and never an effect that nobody has decided on.
    """
    of.aws.dynamodb.put_item(TableName=of.outputs["LedgerTableName"], Item=audit_item(action, made, **facts))
