"""Gap: point-in-time recovery that recovers a point in time; MiniStack's copies the table as it is now.

While it is enabled, every version of every item is kept in memory. As on AWS a table can be restored to any
second since it was enabled, to a new table, with all indexes or those that the request names. Unlike AWS, the
latest such second is the present one, not that of about five minutes ago.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_RestoreTableToPointInTime.html
"""

import copy
import json
import time
from collections import defaultdict
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from ci.emulator.ministack import dynamodb, responses

JOURNAL = "_journal"
"""Of a table with recovery enabled: (time, partition key, sort key, item or None), oldest first."""

Table = dict[str, Any]
Response = tuple[int, dict[str, str], Any]


def install() -> None:
    """Journal what is written, and restore from the journal."""
    set_item, remove_item = dynamodb._set_item, dynamodb._remove_item
    update, describe = dynamodb._update_continuous_backups, dynamodb._describe_continuous_backups
    restore = dynamodb._restore_table_to_point_in_time

    def journalled_set(table: Table, partition: str, sort: str, item: dict[str, Any]) -> Any:
        _note(table, partition, sort, item)
        return set_item(table, partition, sort, item)

    def journalled_remove(table: Table, partition: str, sort: str) -> Any:
        _note(table, partition, sort, None)
        return remove_item(table, partition, sort)

    def update_continuous_backups(request: dict[str, Any]) -> Response:
        answer: Response = update(request)
        name = dynamodb._normalize_table_name(request.get("TableName"))
        if answer[0] == HTTPStatus.OK:
            _switch(dynamodb._tables[name], enabled=dynamodb._pitr_settings[name])
        return answer

    def describe_continuous_backups(request: dict[str, Any]) -> Response:
        status, headers, body = describe(request)
        name = dynamodb._normalize_table_name(request.get("TableName"))
        if status == HTTPStatus.OK and JOURNAL in dynamodb._tables[name]:
            answer = json.loads(body)
            described = answer["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
            described["EarliestRestorableDateTime"] = dynamodb._tables[name][JOURNAL][0][0]
            body = json.dumps(answer).encode()
        return status, headers, body

    def restore_table_to_point_in_time(request: dict[str, Any]) -> Response:
        name = request.get("SourceTableName") or dynamodb._normalize_table_name(
            request.get("SourceTableArn") or ""
        )
        source = dynamodb._tables.get(name)
        moment = request.get("RestoreDateTime", time.time())
        if source is not None and (refusal := _refusal(source, moment)):
            return refusal
        answer: Response = restore(request)
        if answer[0] == HTTPStatus.OK:
            restored = dynamodb._tables[request["TargetTableName"]]
            restored["items"] = _items_at(source[JOURNAL], moment)
            dynamodb._items_replaced(restored)
        return answer

    dynamodb._set_item, dynamodb._remove_item = journalled_set, journalled_remove
    dynamodb._update_continuous_backups = update_continuous_backups
    dynamodb._describe_continuous_backups = describe_continuous_backups
    dynamodb._restore_table_to_point_in_time = restore_table_to_point_in_time


def _note(table: Table, partition: str, sort: str, item: dict[str, Any] | None) -> None:
    if JOURNAL in table:
        table[JOURNAL].append((time.time(), partition, sort, copy.deepcopy(item)))


def _switch(table: Table, *, enabled: bool) -> None:
    if not enabled:
        table.pop(JOURNAL, None)
    elif JOURNAL not in table:
        # The first entry is of no item: it says since when.
        table[JOURNAL] = [(time.time(), "", "", None), *_present(table)]


def _present(table: Table) -> Iterator[tuple[float, str, str, dict[str, Any]]]:
    for partition, items in table["items"].items():
        for sort, item in items.items():
            yield time.time(), partition, sort, copy.deepcopy(item)


def _refusal(table: Table, moment: float) -> Response | None:
    name = table["TableName"]
    if JOURNAL not in table:
        unavailable: Response = responses.error_response_json(
            "PointInTimeRecoveryUnavailableException",
            f"Point in time recovery is not enabled for table {name}",
            400,
        )
        return unavailable
    if not int(table[JOURNAL][0][0]) <= moment <= time.time():
        invalid: Response = responses.error_response_json(
            "InvalidRestoreTimeException",
            f"The specified restore time is outside of the restorable window of table {name}",
            400,
        )
        return invalid
    return None


def _items_at(journal: list[tuple[float, str, str, Any]], moment: float) -> dict[str, dict[str, Any]]:
    """The items as they were at the end of a moment."""
    items: dict[str, dict[str, Any]] = defaultdict(dict)
    for at, partition, sort, item in journal:
        if at > moment:
            break
        if item is None:
            items[partition].pop(sort, None)
        else:
            items[partition][sort] = copy.deepcopy(item)
    return items
