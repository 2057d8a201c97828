"""What a person decides about a notification, in the ledger together with its audit item."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from notifications.failures import LedgerUnavailableError
from notifications.keys import NotificationKey
from notifications.ledger import Decide, Record, Verdict, Write
from notifications.ledger_table import CONTENTION_LIMIT, LedgerTable, expressions
from ops.errors import OpsError, explained

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodb.type_defs import TransactWriteItemTypeDef


def find(client: DynamoDBClient, table_name: str, key: NotificationKey) -> Record | None:
    """Read the record of a notification, consistently.

    Raises
    ------
    OpsError
        The table can't be read.
    """
    with explaining():
        return LedgerTable(client, table_name).find(key)


@contextmanager
def explaining() -> Iterator[None]:
    """Say of a table that can't be read or written what is wrong, as an OpsError."""
    try:
        yield
    except LedgerUnavailableError as error:
        if isinstance(error.__cause__, Exception) and (failure := explained(error.__cause__)):
            raise failure from error
        raise


def record(
    client: DynamoDBClient, table_name: str, key: NotificationKey, decide: Decide, audit: dict[str, Any]
) -> Verdict:
    """Write a decision together with its audit item: both are written, or neither.

    Parameters
    ----------
    decide
        The rule, such as `Abandonment.decide`.
    audit
        From `notifications.audit.audit_item`; written only if the rule lets the decision be made.

    Raises
    ------
    OpsError
        Others kept changing the record.
    """
    for _ in range(CONTENTION_LIMIT):
        step = decide(find(client, table_name, key))
        if not isinstance(step, Write):
            return step
        update: Any = {
            "Update": {
                "TableName": table_name,
                "Key": {"order_key": {"S": key.order_key}, "notification": {"S": key.notification}},
                **expressions(step.guard, step.changes),
            }
        }
        note: TransactWriteItemTypeDef = {"Put": {"TableName": table_name, "Item": audit}}
        try:
            client.transact_write_items(TransactItems=[update, note])
        except ClientError as error:
            if not _lost_race(error):
                raise
        else:
            return step.verdict
    raise OpsError(
        f"The record of {key} keeps changing.", "Wait for its order to be handled, then try again."
    )


def _lost_race(error: ClientError) -> bool:
    """Whether somebody else wrote the record first: before the transaction, or at the same time."""
    reasons: list[Any] = error.response.get("CancellationReasons", [])
    return any(reason.get("Code") in ("ConditionalCheckFailed", "TransactionConflict") for reason in reasons)
