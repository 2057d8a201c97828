"""The ledger in DynamoDB: each `Write` of the ledger's rules is one conditional UpdateItem."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from botocore.exceptions import BotoCoreError, ClientError

from notifications.evidence import Sign
from notifications.failures import Certainty, Failure, LedgerUnavailableError, classify_ledger_error
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

OPEN_ATTEMPTS = "open-attempts"
"""The index of open attempts. Besides them it holds markers: items of the system's own, with keys that no
hash produces."""

SHARDS = "0123456789abcdef"
DISCARDED, HEARD = "DISCARDED", "HEARD"
"""What the markers have in place of a status."""


@dataclass(frozen=True)
class OpenAttempt:
    """An entry of the index, eventually consistent.

    Parameters
    ----------
    status
        One of `Status`, DISCARDED or HEARD; a marker has no attempt, answer or decision.
    """

    key: NotificationKey
    status: str
    claimed_at_ms: int
    send_by_ms: int = 0
    attempt: int = 0
    answer: str = ""
    decision: str = ""

    @property
    def sign(self) -> Sign | None:
        """What it says to an attempt in doubt that was claimed around it."""
        if self.status in (DISCARDED, HEARD):
            return Sign.DISCARDED if self.status == DISCARDED else Sign.HEARD
        return Sign.AWAITED if Status(self.status).is_accepted else None


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

    def claim(self, key: NotificationKey, claim: Claim, found: Record | None = None) -> Verdict:
        """Claim the right to send. One write, and a second one after an earlier attempt.

        Parameters
        ----------
        found
            The record if it was read; else none is expected.
        """
        return self._apply(key, claim.decide, found)

    def record_result(self, key: NotificationKey, result: AttemptResult) -> Verdict:
        """Record what a worker knows of its own attempt."""
        mine = Record(Status.SENDING, result.attempt, result.token)
        return self._apply(key, result.decide, mine)

    def record_event(self, key: NotificationKey, event: SesEvent) -> Verdict:
        """Record an event of SES."""
        return self._apply(key, event.decide, event.expects)

    def record(self, key: NotificationKey, decide: Decide) -> Verdict:
        """Make what a rule decides about the record as it is."""
        return self._apply(key, decide, self.find(key))

    def find(self, key: NotificationKey) -> Record | None:
        """Read one record, consistently."""
        return _record(self._get(key))

    def open_attempts(self, from_ms: int, to_ms: int) -> Iterator[OpenAttempt]:
        """Entries of the index of open attempts that were claimed in that time, both ends included."""
        for shard in SHARDS:
            start: dict[str, Any] = {}
            while True:
                try:
                    page = self._client.query(
                        TableName=self._table,
                        IndexName=OPEN_ATTEMPTS,
                        KeyConditionExpression="open_shard = :shard AND claimed_at_ms BETWEEN :from AND :to",
                        ExpressionAttributeValues=_attributes(
                            {":shard": shard, ":from": from_ms, ":to": to_ms}
                        ),
                        **start,
                    )
                except (ClientError, BotoCoreError) as error:
                    raise LedgerUnavailableError(classify_ledger_error(error)) from error
                yield from map(_open_attempt, page["Items"])
                if "LastEvaluatedKey" not in page:
                    break
                start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def signs(self, around_ms: int, settle_window_ms: int) -> tuple[tuple[Sign, int], ...]:
        """What the index says of a settle window before and after a claim."""
        entries = self.open_attempts(around_ms - settle_window_ms, around_ms + settle_window_ms)
        return tuple((entry.sign, entry.claimed_at_ms) for entry in entries if entry.sign)

    def mark(self, marker: Mapping[str, Attribute]) -> None:
        """Put a marker into the index of open attempts."""
        try:
            self._client.put_item(TableName=self._table, Item=marker)
        except (ClientError, BotoCoreError) as error:
            raise LedgerUnavailableError(classify_ledger_error(error)) from error

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
    removes = [name(attribute) for attribute in changes.removed]

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
    if guard.message_id is not None:
        held = value("guard_message_id", guard.message_id) if guard.message_id else None
        conditions.append(
            f"{name('message_id')} = {held}" if held else f"attribute_not_exists({name('message_id')})"
        )
    if guard.duplicates_lack is not None:
        listed = name("duplicate_message_ids")
        conditions.append(f"NOT contains({listed}, {value('duplicates_lack', guard.duplicates_lack)})")

    clauses = {"SET": sets, "ADD": adds, "REMOVE": removes}
    return {
        "UpdateExpression": " ".join(
            f"{verb} {', '.join(parts)}" for verb, parts in clauses.items() if parts
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
        claimed_at_ms=_number(item, "claimed_at_ms"),
        message_id=_text(item, "message_id"),
        duplicate_message_ids=frozenset(item.get("duplicate_message_ids", {"SS": ()})["SS"]),
        answer=_text(item, "answer"),
        first_look_ms=_number(item, "first_look_ms") if "first_look_ms" in item else None,
        decision=_text(item, "decision"),
    )


def _open_attempt(item: Mapping[str, Attribute]) -> OpenAttempt:
    return OpenAttempt(
        key=NotificationKey(item["order_key"]["S"], item["notification"]["S"]),
        status=item["status"]["S"],
        claimed_at_ms=_number(item, "claimed_at_ms"),
        send_by_ms=_number(item, "send_by_ms"),
        attempt=_number(item, "attempt"),
        answer=_text(item, "answer"),
        decision=_text(item, "decision"),
    )


def _text(item: Mapping[str, Attribute], name: str) -> str:
    return str(item[name]["S"]) if name in item else ""


def _number(item: Mapping[str, Attribute], name: str) -> int:
    return int(item[name]["N"]) if name in item else 0


def heard_marker(bucket: int, claimed_at_ms: int, expires_at: int) -> dict[str, Attribute]:
    """The event of an attempt has come. One marker a bucket of time is enough."""
    return _marker(NotificationKey("~heard", str(bucket)), HEARD, claimed_at_ms, expires_at)


def discarded_marker(id_: str, entered_at_ms: int, expires_at: int) -> dict[str, Attribute]:
    """An event that could not be attributed was thrown away; it had entered its queue at that time.

    Parameters
    ----------
    id_
        The same for the same event, so that noting it twice makes one marker.
    """
    return _marker(NotificationKey("~discarded", id_), DISCARDED, entered_at_ms, expires_at)


def _marker(key: NotificationKey, status: str, claimed_at_ms: int, expires_at: int) -> dict[str, Attribute]:
    contents = {"status": status, "claimed_at_ms": claimed_at_ms, "expires_at": expires_at}
    shard = SHARDS[claimed_at_ms % len(SHARDS)]
    return _key(key) | _attributes(contents | {"open_shard": shard})
