"""Holding sending back: orders wait in their queue, unreceived, until a person lets them go.

The event source mapping is what holds; an item of the ledger says why. Whoever holds or resumes is noted in
audit items. A deployment changes neither: the template does not say whether the mapping is enabled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from notifications.audit import Decision, audit_item
from notifications.keys import NotificationKey

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodb.type_defs import TransactWriteItemTypeDef
    from types_boto3_lambda import LambdaClient

HOLD_KEY = NotificationKey("~hold", "sending")


@dataclass(frozen=True)
class Held:
    """Why sending is on hold."""

    by: str
    at: str
    reason: str


class SendingHold:
    """The hold of one deployment.

    Parameters
    ----------
    mapping_id
        UUID of the mapping from the send queue to its function.
    """

    def __init__(
        self, dynamodb: DynamoDBClient, functions: LambdaClient, table_name: str, mapping_id: str
    ) -> None:
        self._dynamodb = dynamodb
        self._functions = functions
        self._table = table_name
        self._mapping_id = mapping_id

    def hold(self, decision: Decision) -> bool:
        """Hold sending; whether it was not on hold yet. The first reason stays.

        Safe to repeat: the mapping is disabled in any case.
        """
        is_new = self._note(decision)
        self._functions.update_event_source_mapping(UUID=self._mapping_id, Enabled=False)
        return is_new

    def resume(self, decision: Decision) -> None:
        """Let the waiting orders go; safe to repeat."""
        self._functions.update_event_source_mapping(UUID=self._mapping_id, Enabled=True)
        forget: TransactWriteItemTypeDef = {"Delete": {"TableName": self._table, "Key": _key(HOLD_KEY)}}
        self._dynamodb.transact_write_items(TransactItems=[forget, self._audit("resume", decision)])

    def held(self) -> Held | None:
        """Why sending is on hold; None if it is not."""
        answer = self._dynamodb.get_item(TableName=self._table, Key=_key(HOLD_KEY), ConsistentRead=True)
        item: Mapping[str, Any] | None = answer.get("Item")
        return Held(item["by"]["S"], item["at"]["S"], item["reason"]["S"]) if item else None

    def _note(self, decision: Decision) -> bool:
        note: TransactWriteItemTypeDef = {
            "Put": {
                "TableName": self._table,
                "Item": _key(HOLD_KEY) | decision.attributes,
                "ConditionExpression": "attribute_not_exists(order_key)",
            }
        }
        try:
            self._dynamodb.transact_write_items(TransactItems=[note, self._audit("hold", decision)])
        except ClientError as error:
            reasons = error.response.get("CancellationReasons", [])
            if [reason.get("Code") for reason in reasons[:1]] != ["ConditionalCheckFailed"]:
                raise
            return False
        return True

    def _audit(self, action: str, decision: Decision) -> TransactWriteItemTypeDef:
        return {"Put": {"TableName": self._table, "Item": audit_item(action, decision)}}


def _key(key: NotificationKey) -> dict[str, Any]:
    return {"order_key": {"S": key.order_key}, "notification": {"S": key.notification}}
