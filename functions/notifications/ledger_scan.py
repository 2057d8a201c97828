"""Read the ledger as a whole, for the daily check: without a write, and nothing that a customer supplied."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from notifications.keys import NotificationKey
from notifications.ledger import Status
from notifications.overdue import Entry
from notifications.times import iso

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodb.type_defs import ScanOutputTypeDef

SEGMENTS = 4
"""Parts of the table that are read at once, a page of at most 1 MB from each
(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Scan.html)."""

ATTRIBUTES = (
    "order_key",
    "notification",
    "status",
    "attempt",
    "resends",
    "created_at",
    "updated_at",
    "send_by_ms",
    "sent_at",
    "reason",
)


class LedgerScan:
    """Scans the ledger's table, eventually consistent: the check is about days."""

    def __init__(self, client: DynamoDBClient, table_name: str) -> None:
        self._client = client
        self._table = table_name

    def entries(self, statuses: Iterable[str], created_since: datetime) -> Iterator[Entry]:
        """Notifications with one of the statuses, and all those created since; in no order.

        The whole table is read, and paid for. DynamoDB leaves the others out of its answer, so that time and
        memory go by the pages of the table and not by its items.
        """
        of_interest = self._of_interest(statuses, created_since)
        unread: list[dict[str, Any]] = [{"Segment": number} for number in range(SEGMENTS)]
        with ThreadPoolExecutor(max_workers=SEGMENTS) as threads:
            while unread:
                pages = list(threads.map(lambda start: self._page(of_interest | start), unread))
                for page in pages:
                    yield from map(_entry, page["Items"])
                unread = [
                    start | {"ExclusiveStartKey": page["LastEvaluatedKey"]}
                    for start, page in zip(unread, pages, strict=True)
                    if "LastEvaluatedKey" in page
                ]

    def _page(self, parameters: dict[str, Any]) -> ScanOutputTypeDef:
        return self._client.scan(TableName=self._table, TotalSegments=SEGMENTS, **parameters)

    @staticmethod
    def _of_interest(statuses: Iterable[str], created_since: datetime) -> dict[str, Any]:
        wanted = {f":status_{status}": {"S": str(status)} for status in sorted(statuses)}
        return {
            "ProjectionExpression": ", ".join(f"#{name}" for name in ATTRIBUTES),
            # Only notifications have attempts; the table's other items are the system's own.
            "FilterExpression": (
                f"attribute_exists(#attempt) AND (#status IN ({', '.join(wanted)}) OR #created_at >= :since)"
            ),
            "ExpressionAttributeNames": {f"#{name}": name for name in ATTRIBUTES},
            "ExpressionAttributeValues": wanted | {":since": {"S": iso(created_since)}},
        }


def _entry(item: Mapping[str, Any]) -> Entry:
    # The reason of one that was given up is an operator's words, which no log may hold.
    is_failed = item["status"]["S"] == Status.FAILED
    return Entry(
        key=NotificationKey(item["order_key"]["S"], item["notification"]["S"]),
        status=item["status"]["S"],
        attempt=int(item["attempt"]["N"]),
        resends=int(item["resends"]["N"]),
        created_at=datetime.fromisoformat(item["created_at"]["S"]),
        updated_at=datetime.fromisoformat(item["updated_at"]["S"]),
        send_by=datetime.fromtimestamp(int(item["send_by_ms"]["N"]) / 1000, UTC),
        sent_at=datetime.fromisoformat(item["sent_at"]["S"]) if "sent_at" in item else None,
        reason=item["reason"]["S"] if is_failed else "",
    )
