"""What a hold changes, without AWS: a table of items and the mapping of the send queue."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError


def key_of(item: dict[str, Any]) -> tuple[str, str]:
    return item["order_key"]["S"], item["notification"]["S"]


class FakeAws:
    """The two clients in one: a table of items and a mapping; refuses what it is told to, once."""

    def __init__(self) -> None:
        self.items: dict[tuple[str, str], dict[str, Any]] = {}
        self.is_enabled = True
        self.refused: set[str] = set()

    def transact_write_items(self, TransactItems: list[dict[str, Any]]) -> None:  # noqa: N803
        if "table" in self.refused:
            self.refused.clear()
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, "TransactWriteItems")
        for write in TransactItems:
            put = write.get("Put", {})
            if "ConditionExpression" in put and key_of(put["Item"]) in self.items:
                cancelled = {
                    "Error": {"Code": "TransactionCanceledException"},
                    "CancellationReasons": [{"Code": "ConditionalCheckFailed"}, {"Code": "None"}],
                }
                raise ClientError(cancelled, "TransactWriteItems")  # type: ignore[arg-type]
        for write in TransactItems:
            if "Put" in write:
                self.items[key_of(write["Put"]["Item"])] = write["Put"]["Item"]
            else:
                self.items.pop(key_of(write["Delete"]["Key"]), None)

    def get_item(self, Key: dict[str, Any], **_: Any) -> dict[str, Any]:  # noqa: N803
        item = self.items.get(key_of(Key))
        return {"Item": item} if item else {}

    def update_event_source_mapping(self, UUID: str, Enabled: bool) -> None:  # noqa: N803
        assert UUID == "mapping"
        if "mapping" in self.refused:
            self.refused.clear()
            raise ClientError({"Error": {"Code": "ResourceInUseException"}}, "UpdateEventSourceMapping")
        self.is_enabled = Enabled

    def actions(self) -> list[str]:
        """What audit items say was done."""
        return [item["action"]["S"] for key, item in sorted(self.items.items()) if key[0] == "~audit"]
