"""Read the ledger by what operators know: the order id."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer

from notifications.keys import order_key

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


def find_order(client: DynamoDBClient, table_name: str, order_id: str) -> list[dict[str, Any]]:
    """All notifications of an order, as plain values; empty if the ledger has none."""
    pages = client.get_paginator("query").paginate(
        TableName=table_name,
        KeyConditionExpression="order_key = :order_key",
        ExpressionAttributeValues={":order_key": {"S": order_key(order_id)}},
        ConsistentRead=True,
    )
    read = TypeDeserializer().deserialize
    return [
        {name: _without_decimals(read(value)) for name, value in item.items()}
        for page in pages
        for item in page["Items"]
    ]


def _without_decimals(value: Any) -> Any:
    """The ledger's numbers are whole."""
    if isinstance(value, Decimal):
        return int(value)
    if isinstance(value, dict):
        return {name: _without_decimals(part) for name, part in value.items()}
    return value
