"""The ledger in DynamoDB: each `Write` of the ledger's rules is one conditional UpdateItem."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

from botocore.exceptions import BotoCoreError, ClientError

from notifications import feedback_path
from notifications.failures import Certainty, Failure, LedgerUnavailableError, classify_ledger_error
from notifications.feedback_path import FeedbackPath
from notifications.keys import NotificationKey
from notifications.ledger import (
    AttemptResult,
    Changes,
    Claim,
    Decide,
    Guard,
    Record,
    SesEvent,
    Status,
    Value,
    Verdict,
    Write,
)

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

Attribute: TypeAlias = Mapping[str, Any]
"""A value in DynamoDB's own notation, such as {"S": "SENT"}."""

CONTENTION_LIMIT = 10
"""Decisions on one record before giving up. Each lost race means that another writer has moved the record
up in rank or attempt, so that even a few in a row are not seen outside of tests."""

FEEDBACK_PATH_KEY = NotificationKey("~feedback", "path")
"""System items have keys that no hash produces."""

FEEDBACK_PATH_FRACTION = 10
"""The path's item is written when it has moved by this fraction of the settle window, not for each event."""


class LedgerTable:
    """The ledger's table. Every method raises LedgerUnavailableError if the table can't be read or written.

    Parameters
    ----------
    client
        May retry on its own: a repeated write whose first answer was lost is recognised by its token.
    """

    def __init__(self, client: DynamoDBClient, table_name: str) -> None:
        self._client = client
        self._table = table_name

    def claim(self, key: NotificationKey, claim: Claim) -> Verdict:
        """Claim the right to send. One write, and a second one after an earlier attempt."""
        return self._apply(key, claim.decide, None)

    def record_result(self, key: NotificationKey, result: AttemptResult) -> Verdict:
        """Record what a worker knows of its own attempt."""
        mine = Record(Status.SENDING, result.attempt, result.token)
        return self._apply(key, result.decide, mine)

    def record_event(self, key: NotificationKey, event: SesEvent) -> Verdict:
        """Record an event of SES."""
        return self._apply(key, event.decide, event.expects)

    def find(self, key: NotificationKey) -> Record | None:
        """Read one record, consistently."""
        return _record(self._get(key))

    def feedback_path(self) -> FeedbackPath | None:
        """Read what is known of the path on which events arrive, if any has arrived yet."""
        return _feedback_path(self._get(FEEDBACK_PATH_KEY))

    def advance_feedback_path(self, sent_at_ms: int, now_ms: int, settle_window_ms: int) -> None:
        """Note that the `Send` event of a message accepted at `sent_at_ms` was recorded at `now_ms`."""
        before: FeedbackPath | None = self.feedback_path()
        for _ in range(CONTENTION_LIMIT):
            after = feedback_path.advance(before, sent_at_ms, now_ms, settle_window_ms)
            if before and not _worth_writing(before, after, settle_window_ms):
                return
            try:
                self._client.put_item(
                    TableName=self._table,
                    Item=_key(FEEDBACK_PATH_KEY)
                    | _attributes(
                        {
                            "watermark_ms": after.watermark_ms,
                            "recorded_at_ms": after.recorded_at_ms,
                            "alive_since_ms": after.alive_since_ms,
                        }
                    ),
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                    **_unchanged(before),
                )
            except (ClientError, BotoCoreError) as error:
                before = _feedback_path(_condition_failure(error))
            else:
                return
        raise LedgerUnavailableError(Failure(Certainty.LATER, "Contention"))

    def _get(self, key: NotificationKey) -> Mapping[str, Attribute] | None:
        try:
            answer = self._client.get_item(TableName=self._table, Key=_key(key), ConsistentRead=True)
        except (ClientError, BotoCoreError) as error:
            raise LedgerUnavailableError(classify_ledger_error(error)) from error
        return answer.get("Item")

    def _apply(self, key: NotificationKey, decide: Decide, assumed: Record | None) -> Verdict:
        record = assumed
        for _ in range(CONTENTION_LIMIT):
            step = decide(record)
            if not isinstance(step, Write):
                return step
            try:
                self._client.update_item(
                    TableName=self._table, Key=_key(key), **expressions(step.guard, step.changes)
                )
            except (ClientError, BotoCoreError) as error:
                record = _record(_condition_failure(error))
            else:
                return step.verdict
        raise LedgerUnavailableError(Failure(Certainty.LATER, "Contention"))


def expressions(guard: Guard, changes: Changes) -> dict[str, Any]:
    """Parameters of an UpdateItem that makes `changes` if `guard` holds, and else answers with the item."""
    names: dict[str, str] = {}
    values: dict[str, Attribute] = {}

    def name(attribute: str) -> str:
        names[f"#{attribute}"] = attribute
        return f"#{attribute}"

    def value(label: str, content: Value | set[str]) -> str:
        values[f":{label}"] = _attribute(content)
        return f":{label}"

    sets = [
        f"{name(attribute)} = {value(attribute, content)}"
        for attribute, content in changes.attributes.items()
    ]
    if changes.history_id is not None:
        names["#event"] = changes.history_id
        sets.append(f"{name('history')}.#event = {value('entry', changes.history_entry)}")
    adds = [
        f"{name(attribute)} {value(f'{attribute}_by', by)}" for attribute, by in changes.increments.items()
    ]
    adds += [
        f"{name(attribute)} {value(f'{attribute}_member', {member})}"
        for attribute, member in changes.members.items()
    ]

    conditions = [f"attribute_{'not_' if guard.absent else ''}exists(order_key)"]
    if guard.statuses is not None:
        wanted = ", ".join(value(f"status_{s.value}", s.value) for s in sorted(guard.statuses))
        conditions.append(f"{name('status')} IN ({wanted})")
    if guard.attempt is not None:
        conditions.append(f"{name('attempt')} = {value('guard_attempt', guard.attempt)}")
    if guard.token is not None:
        conditions.append(f"{name('token')} = {value('guard_token', guard.token)}")
    if guard.history_lacks is not None:
        names["#lacks"] = guard.history_lacks
        conditions.append(f"attribute_not_exists({name('history')}.#lacks)")
        conditions.append(f"NOT contains({name('event_ids')}, {value('lacks', guard.history_lacks)})")
    if guard.history_below is not None:
        conditions.append(f"size({name('history')}) < {value('history_below', guard.history_below)}")

    return {
        "UpdateExpression": " ".join(
            [f"SET {', '.join(sets)}", *([f"ADD {', '.join(adds)}"] if adds else [])],
        ),
        "ConditionExpression": " AND ".join(conditions),
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": values,
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }


def _condition_failure(error: Exception) -> Mapping[str, Attribute] | None:
    """The item that a condition failed on; any other error is raised as LedgerUnavailableError."""
    if (
        not isinstance(error, ClientError)
        or error.response["Error"]["Code"] != "ConditionalCheckFailedException"
    ):
        raise LedgerUnavailableError(classify_ledger_error(error)) from error
    return error.response.get("Item")  # type: ignore[return-value]


def _key(key: NotificationKey) -> dict[str, Attribute]:
    return {"order_key": {"S": key.order_key}, "notification": {"S": key.notification}}


def _attribute(content: Value | set[str]) -> Attribute:
    if isinstance(content, str):
        return {"S": str(content)}
    if isinstance(content, int):
        return {"N": str(content)}
    if isinstance(content, set):
        return {"SS": sorted(content)}
    return {"M": _attributes(content)}


def _attributes(contents: Any) -> dict[str, Attribute]:
    return {name: _attribute(content) for name, content in contents.items()}


def _record(item: Mapping[str, Attribute] | None) -> Record | None:
    if not item:
        return None
    return Record(
        status=Status(item["status"]["S"]),
        attempt=int(item["attempt"]["N"]),
        token=item["token"]["S"],
        send_by_ms=int(item["send_by_ms"]["N"]),
        fingerprint=item["fingerprint"]["S"],
        history=frozenset(item["history"]["M"]),
        event_ids=frozenset(item.get("event_ids", {"SS": ()})["SS"]),
    )


def _feedback_path(item: Mapping[str, Attribute] | None) -> FeedbackPath | None:
    if not item:
        return None
    return FeedbackPath(
        watermark_ms=int(item["watermark_ms"]["N"]),
        recorded_at_ms=int(item["recorded_at_ms"]["N"]),
        alive_since_ms=int(item["alive_since_ms"]["N"]),
    )


def _worth_writing(before: FeedbackPath, after: FeedbackPath, settle_window_ms: int) -> bool:
    step = settle_window_ms // FEEDBACK_PATH_FRACTION
    moved = replace(after, watermark_ms=before.watermark_ms, recorded_at_ms=before.recorded_at_ms) != before
    return (
        moved
        or after.watermark_ms - before.watermark_ms >= step
        or after.recorded_at_ms - before.recorded_at_ms >= step
    )


def _unchanged(before: FeedbackPath | None) -> dict[str, Any]:
    """Condition that the path's item is still as it was read."""
    if before is None:
        return {"ConditionExpression": "attribute_not_exists(order_key)"}
    return {
        "ConditionExpression": (
            "watermark_ms = :mark AND recorded_at_ms = :recorded AND alive_since_ms = :alive"
        ),
        "ExpressionAttributeValues": _attributes(
            {
                ":recorded": before.recorded_at_ms,
                ":alive": before.alive_since_ms,
                ":mark": before.watermark_ms,
            }
        ),
    }
