"""The ledger's table in an engine of DynamoDB: made as the template declares it, and read as plain values."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from notifications.keys import NotificationKey
from tests.support.memory_ledger import Item
from tests.templates.model import template

DECLARED = (
    "KeySchema",
    "AttributeDefinitions",
    "GlobalSecondaryIndexes",
    "BillingMode",
)
"""What of the template shapes how the table reads and writes."""


def create_ledger_table(client: Any, name: str | None = None) -> str:
    """Create an empty table with the keys and indexes of stacks/data.yaml; returns its name, None: any."""
    declared = template("data")["Resources"]["LedgerTable"]["Properties"]
    name = name or f"ledger-{uuid.uuid4().hex}"
    client.create_table(TableName=name, **{part: declared[part] for part in DECLARED})
    return name


def primary_key(key: NotificationKey) -> dict[str, Any]:
    """A key in DynamoDB's notation."""
    return {"order_key": {"S": key.order_key}, "notification": {"S": key.notification}}


def stored_items(client: Any, table_name: str) -> dict[NotificationKey, Item]:
    """All items of the table, read consistently."""
    pages = client.get_paginator("scan").paginate(TableName=table_name, ConsistentRead=True)
    items = [plain({"M": item}) for page in pages for item in page["Items"]]
    return {NotificationKey(item.pop("order_key"), item.pop("notification")): item for item in items}


def plain(attribute: Mapping[str, Any]) -> Any:
    """A value out of DynamoDB's notation; the ledger has texts, sets of them, whole numbers and maps only."""
    [(kind, content)] = attribute.items()
    if kind == "M":
        return {name: plain(part) for name, part in content.items()}
    return {"S": str, "N": int, "SS": set}[kind](content)
