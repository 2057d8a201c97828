"""A table as it was at a moment, beside the ledger, and its merge into the ledger."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from notifications.failures import LedgerUnavailableError
from notifications.keys import NotificationKey
from notifications.ledger_table import LedgerTable
from notifications.times import iso
from ops import ledger_lookup
from ops.errors import InputError, OpsError
from ops.restore import rules
from ops.restore.rules import Known

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

PAGE_SIZE = 100
"""Items that are compared at once: as many as a BatchGetItem takes."""


@dataclass
class Merged:
    """What a merge has done so far.

    Parameters
    ----------
    counts
        Items by what was done: inserted, moved_up, kept, left_out, from_logs, in_doubt.
    damaged
        Keys of records that the ledger's rules cannot read: they are left as they are.
    """

    counts: Counter[str] = field(default_factory=Counter)
    damaged: list[str] = field(default_factory=list)


class SideTable:
    """The ledger as it was at a moment; its name tells of which, so that another run finds it again."""

    def __init__(self, client: DynamoDBClient, ledger_name: str, moment: datetime) -> None:
        self._client = client
        self._ledger_name = ledger_name
        self._moment = moment
        self.name = f"{ledger_name}-restore-{moment:%Y%m%dT%H%M%SZ}"

    def check(self) -> None:
        """Can the ledger be restored to the moment?

        Raises
        ------
        InputError
            The moment is outside of what DynamoDB keeps.
        OpsError
            The ledger's table is gone, or keeps nothing.
        """
        try:
            answer = self._client.describe_continuous_backups(TableName=self._ledger_name)
        except self._client.exceptions.TableNotFoundException as error:
            raise _no_table(self._ledger_name) from error
        except self._client.exceptions.ResourceNotFoundException as error:
            raise _no_table(self._ledger_name) from error
        kept = answer["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
        if kept["PointInTimeRecoveryStatus"] != "ENABLED":
            raise OpsError(
                f"Point-in-time recovery of {self._ledger_name} is off.", "Nothing can be restored from."
            )
        earliest = kept["EarliestRestorableDateTime"].replace(microsecond=0)
        latest = kept["LatestRestorableDateTime"]
        if not earliest <= self._moment <= latest:
            raise InputError(
                f"{iso(self._moment)} cannot be restored to.",
                f"Choose a time from {iso(earliest)} to {iso(latest)}, the latest before the damage.",
            )

    def status(self) -> str | None:
        """CREATING, ACTIVE, …; None if the table is not there."""
        try:
            return str(self._client.describe_table(TableName=self.name)["Table"]["TableStatus"])
        except self._client.exceptions.ResourceNotFoundException:
            return None

    def begin(self) -> None:
        """Begin to restore, without indexes: nobody looks anything up by them, and it is sooner done."""
        self._client.restore_table_to_point_in_time(
            SourceTableName=self._ledger_name,
            TargetTableName=self.name,
            RestoreDateTime=self._moment,
            GlobalSecondaryIndexOverride=[],
        )

    def wait(self, poll_seconds: float, tell: Callable[[str], None]) -> None:
        """Wait until it is there: on AWS some minutes to an hour.

        Raises
        ------
        OpsError
            It has gone meanwhile.
        """
        begin = time.monotonic()
        while (status := self.status()) != "ACTIVE":
            if status is None:
                raise OpsError(f"Table {self.name} is gone.", "Run the same command again.")
            tell(f"restoring to {self.name}: {status}, {(time.monotonic() - begin) / 60:.0f} min")
            time.sleep(poll_seconds)

    def pages(self) -> Iterator[list[dict[str, Any]]]:
        """Its items in DynamoDB's notation."""
        pages = self._client.get_paginator("scan").paginate(
            TableName=self.name, ConsistentRead=True, PaginationConfig={"PageSize": PAGE_SIZE}
        )
        return (page["Items"] for page in pages)

    def delete(self) -> None:
        """Delete it; its data is in the ledger by then."""
        self._client.delete_table(TableName=self.name)


class Merge:
    """Brings what is known into the ledger, and never takes anything back. Safe to repeat.

    Parameters
    ----------
    expires_at
        Of records that only the logs tell of.
    """

    def __init__(self, client: DynamoDBClient, table_name: str, now: datetime, expires_at: datetime) -> None:
        self._client = client
        self._table_name = table_name
        self._ledger = LedgerTable(client, table_name)
        self._now = now
        self._expires_at = expires_at
        self.done = Merged()

    def restored(self, items: list[dict[str, Any]], *, logs_tell: bool) -> None:
        """Merge items of the side table, at most `PAGE_SIZE`."""
        live = self._live([rules.key_of(item) for item in items])
        for item in items:
            key = rules.key_of(item)
            with self._noting_damage(key):
                wanted = rules.to_insert(item, self._now, logs_tell=logs_tell)
                if wanted is None:
                    self.done.counts["left_out"] += 1
                elif key in live or not self._insert(wanted, "inserted"):
                    self._move_up(key, live.get(key), rules.known_of(wanted))

    def logged(self, known: Mapping[NotificationKey, Known]) -> None:
        """Merge what the logs tell."""
        keys = list(known)
        for begin in range(0, len(keys), PAGE_SIZE):
            some = keys[begin : begin + PAGE_SIZE]
            live = self._live(some)
            for key in some:
                record = rules.as_record(key, known[key], self._now, self._expires_at)
                with self._noting_damage(key):
                    if key in live or not self._insert(_serialized(record), "from_logs"):
                        self._move_up(key, live.get(key), known[key])

    def received(self, records: Iterable[dict[str, Any]]) -> None:
        """Put attempts in doubt where there is no record of an order that was received before."""
        for record in records:
            self._insert(_serialized(record), "in_doubt")

    def _live(self, keys: list[NotificationKey]) -> dict[NotificationKey, dict[str, Any]]:
        records = ledger_lookup.get(self._client, self._table_name, keys)
        return {NotificationKey(one["order_key"], one["notification"]): one for one in records}

    def _insert(self, item: dict[str, Any], count: str) -> bool:
        """Put an item where there is none; whether there was none."""
        try:
            self._client.put_item(
                TableName=self._table_name,
                Item=item,
                ConditionExpression="attribute_not_exists(order_key)",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            return False
        self.done.counts[count] += 1
        return True

    def _move_up(self, key: NotificationKey, live: Mapping[str, Any] | None, known: Known | None) -> None:
        """Move a record up to what is known; one that came to be in between is newer than that."""
        is_behind = live is not None and known is not None and rules.moves_up(live, known)
        if known is not None and is_behind:
            self._ledger.record(key, rules.restoring(key, known, self._now))
        self.done.counts["moved_up" if is_behind else "kept"] += 1

    @contextmanager
    def _noting_damage(self, key: NotificationKey) -> Iterator[None]:
        try:
            yield
        except (KeyError, ValueError):
            self.done.damaged.append(str(key))
        except LedgerUnavailableError as error:
            if error.failure.code == "ValidationException":
                self.done.damaged.append(str(key))
                return
            raise OpsError(
                f"The ledger cannot be written: {error.failure.code}.", "Run the same command again."
            ) from error


def _serialized(record: Mapping[str, Any]) -> dict[str, Any]:
    from boto3.dynamodb.types import TypeSerializer  # noqa: PLC0415 - boto3, which help does without

    write = TypeSerializer().serialize
    return {name: write(value) for name, value in record.items()}


def _no_table(name: str) -> OpsError:
    return OpsError(
        f"Table {name} is gone altogether.",
        "Restore the backup that DynamoDB made when it was deleted: docs/architecture.md, When the ledger is "
        "lost.",
    )
