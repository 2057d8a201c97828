"""The ``AWS/SES`` metrics of an account, fed by the SES twin.

Sources:
https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-cloudwatch.html
https://docs.aws.amazon.com/ses/latest/dg/monitor-sender-reputation.html
"""

import time
from collections import defaultdict
from dataclasses import dataclass

from ci.emulator.cloudwatch import sampling, store
from ci.emulator.cloudwatch.metrics import Metric
from ci.emulator.ministack import responses

_NAMESPACE = "AWS/SES"
# The bounce rate knows hard bounces only, and none of the addresses that the account itself suppresses.
_SUPPRESSED_BY_ACCOUNT = "OnAccountSuppressionList"


@dataclass
class _Reputation:
    sends: int = 0
    bounces: int = 0
    complaints: int = 0


# By account, region, and configuration set (None for the whole account).
_reputations: dict[tuple[str, str, str | None], _Reputation] = defaultdict(_Reputation)


def install() -> None:
    """Have the reputation rates sampled."""
    sampling.register(sample)


def record_ses_event(
    event_type: str,
    *,
    bounce_type: str | None = None,
    bounce_subtype: str | None = None,
    configuration_set: str | None = None,
    has_reputation_metrics: bool = False,
) -> None:
    """Count an event of the request's account and region, once when SES makes it (not per destination).

    Parameters
    ----------
    event_type
        As in an event record: ``Send``, ``Delivery``, ``Bounce``, ``Complaint``, ``Reject``,
        ``DeliveryDelay``, ``Rendering Failure``.
    bounce_type, bounce_subtype
        ``bounceType`` and ``bounceSubType`` of a bounce.
    configuration_set, has_reputation_metrics
        The message's configuration set, and whether it exports reputation metrics: its rates then appear
        with the dimension ``ses:configuration-set``.
    """
    is_hard_bounce = bounce_type == "Permanent" and bounce_subtype != _SUPPRESSED_BY_ACCOUNT
    store.record(Metric(_NAMESPACE, event_type.replace(" ", "")), time.time(), [1], "Count")
    sets = {None, configuration_set} if has_reputation_metrics else {None}
    for each in sets:
        reputation = _reputations[responses.get_account_id(), responses.get_region(), each]
        reputation.sends += event_type == "Send"
        reputation.bounces += is_hard_bounce
        reputation.complaints += event_type == "Complaint"


def reset() -> None:
    """Forget all counts; published metrics stay."""
    _reputations.clear()


def sample(timestamp: float) -> None:
    """Publish the rates over all that was sent; SES takes a volume that it calls representative."""
    for (account, region, configuration_set), reputation in list(_reputations.items()):
        if not reputation.sends:
            continue
        dimensions = (
            frozenset({("ses:configuration-set", configuration_set)}) if configuration_set else frozenset()
        )
        rates = {
            "Reputation.BounceRate": reputation.bounces / reputation.sends,
            "Reputation.ComplaintRate": reputation.complaints / reputation.sends,
        }
        with responses.request_scope(account, region):
            for name, rate in rates.items():
                store.replace(Metric(_NAMESPACE, name, dimensions), timestamp, rate)
