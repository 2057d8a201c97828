"""Read the ledger by what operators know: the order id, the customer's address, or the audit trail."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from notifications.audit import AUDIT_ORDER_KEY
from notifications.keys import NotificationKey, order_key, recipient_key
from notifications.times import iso
from ops.targets import Deployed

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

BATCH_SIZE = 100
"""Most keys of a BatchGetItem:
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html"""

RECIPIENT_INDEX = "by_recipient"


def find_order(client: DynamoDBClient, table_name: str, order_id: str) -> list[dict[str, Any]]:
    """All notifications of an order, as plain values; empty if the ledger has none."""
    return list(
        _query(
            client,
            TableName=table_name,
            KeyConditionExpression="order_key = :order_key",
            ExpressionAttributeValues={":order_key": {"S": order_key(order_id)}},
            ConsistentRead=True,
        )
    )


def find_recipient(client: DynamoDBClient, table_name: str, key: str) -> list[dict[str, Any]]:
    """All notifications to one address, the oldest first; what is seconds old may be missing.

    Parameters
    ----------
    key
        The address's keyed hash.
    """
    found = _query(
        client,
        TableName=table_name,
        IndexName=RECIPIENT_INDEX,
        KeyConditionExpression="recipient_key = :key",
        ExpressionAttributeValues={":key": {"S": key}},
    )
    keys = [NotificationKey(item["order_key"], item["notification"]) for item in found]
    return sorted(get(client, table_name, keys), key=lambda item: str(item.get("created_at", "")))


def get(client: DynamoDBClient, table_name: str, keys: Sequence[NotificationKey]) -> list[dict[str, Any]]:
    """The records with these keys, in no order; those that are gone are left out."""
    unread: list[Any] = [
        {"order_key": {"S": key.order_key}, "notification": {"S": key.notification}} for key in keys
    ]
    records: list[dict[str, Any]] = []
    while unread:
        batch, unread = unread[:BATCH_SIZE], unread[BATCH_SIZE:]
        answer: Any = client.batch_get_item(
            RequestItems={table_name: {"Keys": batch, "ConsistentRead": True}}
        )
        records += map(plain_item, answer["Responses"].get(table_name, []))
        unread += answer.get("UnprocessedKeys", {}).get(table_name, {}).get("Keys", [])
    return records


def audit_trail(client: DynamoDBClient, table_name: str, since: datetime) -> list[dict[str, Any]]:
    """Audit items since a moment, the newest first."""
    return list(
        _query(
            client,
            TableName=table_name,
            KeyConditionExpression="order_key = :trail AND notification >= :since",
            ExpressionAttributeValues={":trail": {"S": AUDIT_ORDER_KEY}, ":since": {"S": iso(since)}},
            ScanIndexForward=False,
            ConsistentRead=True,
        )
    )


def recipient_key_of(of: Deployed, address: str) -> str:
    """The keyed hash by which an address's records are found; its key is a secret of the deployment."""
    secret = of.aws.client("secretsmanager").get_secret_value(SecretId=of.outputs["RecipientHashSecretArn"])
    return recipient_key(address, secret["SecretString"])


def plain_item(item: Any) -> dict[str, Any]:
    """An item in DynamoDB's notation, as plain values. The ledger's numbers are whole."""
    from boto3.dynamodb.types import TypeDeserializer  # noqa: PLC0415 - boto3, which help does without

    read = TypeDeserializer().deserialize
    return {name: _without_decimals(read(value)) for name, value in item.items()}


def _query(client: DynamoDBClient, **parameters: Any) -> Iterator[dict[str, Any]]:
    pages: Iterable[Any] = client.get_paginator("query").paginate(**parameters)
    return (plain_item(item) for page in pages for item in page["Items"])


def _without_decimals(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value)
    if isinstance(value, dict):
        return {name: _without_decimals(part) for name, part in value.items()}
    return value
