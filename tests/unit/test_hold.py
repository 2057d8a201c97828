"""A hold is safe to repeat: whatever step fails, doing it again completes it and keeps the first reason."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from notifications.audit import Decision
from notifications.hold import SendingHold

NOW = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
FIRST, SECOND = Decision("guard", NOW, "first"), Decision("ada", NOW, "second")


def key_of(item: dict[str, Any]) -> tuple[str, str]:
    return item["order_key"]["S"], item["notification"]["S"]


class FakeAws:
    """The two clients in one: a table of items and a mapping; refuses what it is told to, once."""

    def __init__(self) -> None:
        self.items: dict[tuple[str, str], dict[str, Any]] = {}
        self.is_enabled = True
        self.refused: set[str] = set()

    def transact_write_items(self, TransactItems: list[dict[str, Any]]) -> None:  # noqa: N803
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


@pytest.fixture
def aws() -> FakeAws:
    return FakeAws()


@pytest.fixture
def sending(aws: FakeAws) -> SendingHold:
    return SendingHold(aws, aws, "ledger", "mapping")  # type: ignore[arg-type]


def test_hold_disables_the_mapping_and_says_why(aws: FakeAws, sending: SendingHold) -> None:
    assert sending.held() is None
    assert sending.hold(FIRST)
    assert not aws.is_enabled
    held = sending.held()
    assert held
    assert (held.by, held.reason, held.at) == ("guard", "first", "2026-11-24T06:00:00.000Z")
    assert aws.actions() == ["hold"]


def test_second_hold_keeps_the_first_reason(aws: FakeAws, sending: SendingHold) -> None:
    sending.hold(FIRST)
    assert not sending.hold(SECOND)
    held = sending.held()
    assert held
    assert held.reason == "first"
    assert aws.actions() == ["hold"]


def test_hold_is_completed_by_repeating_it_when_the_mapping_could_not_be_changed(
    aws: FakeAws, sending: SendingHold
) -> None:
    aws.refused.add("mapping")
    with pytest.raises(ClientError):
        sending.hold(FIRST)
    assert aws.is_enabled
    sending.hold(FIRST)
    assert not aws.is_enabled
    assert aws.actions() == ["hold"]


def test_resume_enables_the_mapping_and_leaves_who_did_it(aws: FakeAws, sending: SendingHold) -> None:
    sending.hold(FIRST)
    aws.refused.add("mapping")
    with pytest.raises(ClientError):
        sending.resume(SECOND)
    assert sending.held()
    sending.resume(SECOND)
    assert aws.is_enabled
    assert sending.held() is None
    assert sorted(aws.actions()) == ["hold", "resume"]
