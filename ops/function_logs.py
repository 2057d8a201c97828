"""The functions' logs as the second witness of what was sent."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from notifications.times import epoch_ms
from ops.targets import Deployed

FUNCTIONS = ("SendEmailFunctionName", "TrackDeliveryFunctionName")
TELLING_LEVELS = ("TRACE", "DEBUG", "INFO")
"""Log levels at which a function logs each email and each event."""

MARGIN = timedelta(minutes=5)
"""Lines from before the moment are read too: clocks differ, and a line is written after what it tells of."""


class FunctionLogs:
    """The logs of the functions that send, and that record what became of it, of a time."""

    def __init__(self, of: Deployed, since: datetime, until: datetime | None = None) -> None:
        self._logs = of.aws.client("logs")
        functions = of.aws.client("lambda")
        self._settings = [
            functions.get_function_configuration(FunctionName=of.outputs[output]) for output in FUNCTIONS
        ]
        self._since = since - MARGIN
        self._until = {"endTime": epoch_ms(until + MARGIN)} if until else {}

    @property
    def record_retention(self) -> timedelta:
        """How long the functions keep a record."""
        variables = self._settings[0]["Environment"]["Variables"]
        return timedelta(days=int(variables["RECORD_RETENTION_DAYS"]))

    def tell(self, now: datetime) -> bool:
        """Whether they tell of every email since the moment: the level, and how long lines are kept."""
        return all(self._tells(settings, now) for settings in self._settings)

    def lines(self) -> Iterator[tuple[int, str]]:
        """Every line with its time in epoch milliseconds, the older first in each function's."""
        for settings in self._settings:
            pages = self._logs.get_paginator("filter_log_events").paginate(
                logGroupName=_group(settings), startTime=epoch_ms(self._since), **self._until
            )
            for page in pages:
                for event in page["events"]:
                    yield event["timestamp"], event["message"]

    def _tells(self, settings: dict[str, Any], now: datetime) -> bool:
        if settings["Environment"]["Variables"].get("POWERTOOLS_LOG_LEVEL", "INFO") not in TELLING_LEVELS:
            return False
        name = _group(settings)
        found = self._logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
        group = next((one for one in found if one["logGroupName"] == name), None)
        kept_days = group.get("retentionInDays") if group else 0
        return kept_days is None or now - timedelta(days=kept_days) <= self._since


def fields_of(line: str) -> Mapping[str, Any]:
    """The fields of a structured line; none of any other."""
    if not line.startswith("{"):
        return {}
    try:
        fields = json.loads(line)
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}


def _group(settings: dict[str, Any]) -> str:
    return str(settings.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{settings['FunctionName']}")
