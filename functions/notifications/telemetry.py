"""Logs and metrics, in one place: what is named here is all that leaves a function besides its work.

Nothing that a customer supplied may be passed to a log line or a metric; an order is named by its key.
"""

from __future__ import annotations

import traceback
from pathlib import Path

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import Metrics, MetricUnit
from botocore.exceptions import ClientError

from notifications import metric_names

logger = Logger()
metrics = Metrics()


def count(name: str, number: int = 1) -> None:
    """Add `number` to a counter."""
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=number)


def latency(milliseconds: int) -> None:
    """Note how long one email took."""
    metrics.add_metric(name=metric_names.ACCEPTANCE_LATENCY, unit=MetricUnit.Milliseconds, value=milliseconds)


def flush() -> None:
    """Write the batch's metrics as one EMF line."""
    if metrics.metric_set:
        metrics.flush_metrics()


def describe(error: Exception | None) -> str:
    """What kind of error it was and where: without its message, which may hold what a customer supplied."""
    if error is None:
        return "none"
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    own = [frame for frame in frames if "notifications" in Path(frame.filename).parts]
    via = f", called from {Path(own[-1].filename).name}:{own[-1].lineno}" if own else ""
    code = f" {error.response.get('Error', {}).get('Code')}" if isinstance(error, ClientError) else ""
    return f"{type(error).__name__}{code}{where}{via}"
