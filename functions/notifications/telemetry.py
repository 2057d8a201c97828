"""Logs and metrics, in one place: what is named here is all that leaves a function besides its work.

Nothing that a customer supplied may be passed to a log line or a metric; an order is named by its key.
"""

from __future__ import annotations

import traceback
from pathlib import Path

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import Metrics, MetricUnit
from botocore.exceptions import ClientError

logger = Logger()
metrics = Metrics()

EMAILS_ACCEPTED = "EmailsAccepted"
"""Without synthetic orders, as all that rates are made of."""
SEND_FAILURES = "SendFailures"
"""What a person has to look at: refused for good, refused until the configuration is mended, and errors
nobody foresaw. Messages that only wait, as for a throttled SES, show in the age of the queue's oldest."""
UNKNOWN_OUTCOMES = "UnknownOutcomes"
UNKNOWN_RESENT = "UnknownResent"
EMAILS_DELIVERED = "EmailsDelivered"
"""1 for an email that was delivered, 0 for one that ended otherwise: the sum is how many were delivered, the
number of samples how many have ended, and no rate depends on when an email was accepted."""
PROBES_DELIVERED = "ProbesDelivered"
HARD_BOUNCES = "HardBounces"
"""1 for a bounce that SES counts, 0 for an email that it suppressed on the account's behalf, which it does
not count: the number of samples less the sum is how many were suppressed."""
COMPLAINTS = "Complaints"
NOTIFICATIONS_OVERDUE = "NotificationsOverdue"
"""What the daily check found; emitted even when it is none."""
ACCEPTANCE_LATENCY = "AcceptanceLatency"
"""Milliseconds from an order event entering the send queue until SES accepted its email."""


def count(name: str, number: int = 1) -> None:
    """Count one, or so many."""
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=number)


def latency(milliseconds: int) -> None:
    """Note how long one email took."""
    metrics.add_metric(name=ACCEPTANCE_LATENCY, unit=MetricUnit.Milliseconds, value=milliseconds)


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
