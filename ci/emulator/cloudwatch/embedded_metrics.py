"""Gap: log events in the embedded metric format become metrics.

MiniStack keeps them as log events. A document that breaks the format makes no metric, as on AWS; the
emulator's log says what is wrong with it.

Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ci.emulator.cloudwatch import store
from ci.emulator.cloudwatch.metrics import Metric
from ci.emulator.ministack import cloudwatch_logs

logger = logging.getLogger(__name__)

_DIMENSIONS_MAXIMUM = 30
_DEFINITIONS_MAXIMUM = 100
_VALUES_MAXIMUM = 100


class EmbeddedMetricFormatError(ValueError):
    """A document that claims to carry metrics, but breaks the format."""


@dataclass(frozen=True)
class Datum:
    """The values of one metric in one document; ``timestamp`` is in epoch seconds."""

    metric: Metric
    timestamp: float
    values: tuple[float, ...]
    unit: str


def install() -> None:
    """Extract metrics from every log event, whether a function or PutLogEvents wrote it."""
    append: Callable[..., Any] = cloudwatch_logs._append_log_events

    def append_and_extract(stream: dict[str, Any], events: list[dict[str, Any]]) -> Any:
        for event in events:
            _publish(event["message"])
        return append(stream, events)

    cloudwatch_logs._append_log_events = append_and_extract


def _publish(message: str) -> None:
    document = document_in(message)
    if document is None:
        return
    try:
        data = list(metrics_in(document))
    except EmbeddedMetricFormatError as error:
        logger.warning("A log event makes no metrics: %s", error)
        return
    for datum in data:
        store.record(datum.metric, datum.timestamp, datum.values, datum.unit)


def document_in(message: str) -> dict[str, Any] | None:
    """Return the log event's document if it has metrics; Lambda may put text before it."""
    if '"CloudWatchMetrics"' not in message:
        return None
    try:
        document = json.loads(message[message.index("{") :])
    except ValueError:
        return None
    metadata = document.get("_aws") if isinstance(document, dict) else None
    return document if isinstance(metadata, dict) and "CloudWatchMetrics" in metadata else None


def metrics_in(document: Mapping[str, Any]) -> Iterator[Datum]:
    """Yield the metrics of a document: one per metric and set of dimensions.

    Raises
    ------
    EmbeddedMetricFormatError
        Naming the member that breaks the format.
    """
    timestamp_ms = document["_aws"].get("Timestamp")
    if not _is_number(timestamp_ms):
        raise EmbeddedMetricFormatError("_aws.Timestamp must be a number of milliseconds")
    for directive in document["_aws"]["CloudWatchMetrics"]:
        for definition in _limited(directive, "Metrics", _DEFINITIONS_MAXIMUM):
            name = definition["Name"]
            values = _values(document, name)
            for keys in _limited(directive, "Dimensions", None):
                metric = Metric(directive["Namespace"], name, _dimensions(document, keys))
                yield Datum(metric, timestamp_ms / 1000, values, definition.get("Unit", "None"))


def _limited(directive: Mapping[str, Any], member: str, maximum: int | None) -> Iterable[Any]:
    items = directive.get(member)
    if not isinstance(items, list) or not directive.get("Namespace"):
        raise EmbeddedMetricFormatError(f"A metric directive needs Namespace and an array {member}")
    if maximum is not None and len(items) > maximum:
        raise EmbeddedMetricFormatError(f"{member} has {len(items)} members, more than {maximum}")
    return items


def _dimensions(document: Mapping[str, Any], keys: list[str]) -> frozenset[tuple[str, str]]:
    if len(keys) > _DIMENSIONS_MAXIMUM:
        raise EmbeddedMetricFormatError(f"A set of {len(keys)} dimensions is more than {_DIMENSIONS_MAXIMUM}")
    for key in keys:
        if not isinstance(document.get(key), str):
            raise EmbeddedMetricFormatError(f"The dimension {key} must be a string member of the document")
    return frozenset((key, document[key]) for key in keys)


def _values(document: Mapping[str, Any], name: str) -> tuple[float, ...]:
    target = document.get(name)
    values: list[Any] = target if isinstance(target, list) else [target]
    if not all(_is_number(value) for value in values):
        raise EmbeddedMetricFormatError(f"The metric {name} must be a number or an array of numbers")
    if len(values) > _VALUES_MAXIMUM:
        raise EmbeddedMetricFormatError(
            f"The metric {name} has {len(values)} values, more than {_VALUES_MAXIMUM}"
        )
    return tuple(float(value) for value in values)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
