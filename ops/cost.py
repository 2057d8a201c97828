"""What the service costs: usage times the prices of ops/prices.yaml. Pure: no AWS, no clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from notifications import metric_names
from ops.tree import STACKS

PRICES = Path(__file__).with_name("prices.yaml")
DAYS_A_MONTH = 365 / 12
EMAILS, PROBES = "emails", "probes"
PROBES_A_MONTH = 6 * 24 * DAYS_A_MONTH
"""One each 10 minutes, the default of ProbeMinutes."""

PER_EMAIL = {
    EMAILS: 1.0,
    "sns_publishes": 3.0,
    "sqs_requests": 9.0,
    "lambda_runs": 3.0,
    "lambda_gb_seconds": 0.7,
    "ledger_writes": 8.0,
    "log_gb": 5e-6,
}
"""What one delivered email uses where nothing is measured: an order event and two events of SES, each
published, sent, received and deleted; 0.5 s of sending and twice 0.1 s of tracking with 1 GB; two writes to
send, one for each event, one of the index of recipients, three of that of open attempts; 5 kB of log. Batches
make it less."""

GB_PER_RECORD = 1e-6
RECORD_MONTHS = 12
"""A record of 1 kB is kept for a year, as in parameters/prod.yaml."""

IDLE_POLLS_PER_QUEUE = 648_000
"""Five pollers of an event source mapping ask each 20 seconds, month round:
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html"""

KEY_REQUESTS = 2_000
"""A data key a day for each queue, topics, table and logs: hardly more with more emails."""

Usage = Mapping[str, float]
"""Units by the names that ops/prices.yaml gives them, and `emails` and `probes`, which SES charges alike."""


@dataclass(frozen=True)
class Estimate:
    """Cost of a usage.

    Parameters
    ----------
    items
        US dollars by kind of usage, the greatest first.
    emails
        Without probes.
    """

    items: Mapping[str, float]
    emails: float

    @property
    def total(self) -> float:
        """US dollars."""
        return sum(self.items.values())

    @property
    def dominates(self) -> str:
        """What costs most."""
        return next(iter(self.items))

    @property
    def per_1000(self) -> float | None:
        """US dollars per 1,000 emails; None without any."""
        return 1000 * self.total / self.emails if self.emails else None


@cache
def prices() -> dict[str, Any]:
    """The price table."""
    table: dict[str, Any] = yaml.safe_load(PRICES.read_text())
    return table


def plans() -> list[str]:
    """Names of SES's plans, the default first."""
    return list(prices()["ses_plans"])


def estimate(usage: Usage, plan: str) -> Estimate:
    """What a month of this usage costs.

    Raises
    ------
    KeyError
        The plan, or a kind of usage, is not in the price table.
    """
    table = prices()
    sent = usage.get(EMAILS, 0) + usage.get(PROBES, 0)
    items = {"ses": ses_cost(sent, table["ses_plans"][plan])}
    for name, number in usage.items():
        if name not in (EMAILS, PROBES):
            items[name] = number * table["units"][name]["price"]
    ordered = sorted(items.items(), key=lambda item: -item[1])
    return Estimate(dict(ordered), usage.get(EMAILS, 0))


def ses_cost(emails: float, plan: Mapping[str, Any]) -> float:
    """What SES charges for the emails of a month, in steps."""
    cost, counted = float(plan["per_month"]), 0.0
    for step in plan["per_1000_emails"]:
        in_step = max(min(emails, step.get("up_to", emails)) - counted, 0)
        cost += in_step / 1000 * step["price"]
        counted += in_step
    return cost


def standing_usage(template: str) -> dict[str, float]:
    """What a month uses without any email.

    Parameters
    ----------
    template
        Text of stacks/observability.yaml, which says how many alarms there are.
    """
    return {
        "sqs_requests": 2 * IDLE_POLLS_PER_QUEUE,
        "key_requests": KEY_REQUESTS,
        "keys": 1,
        "secrets": 1,
        "custom_metrics": sum(map(str.isupper, vars(metric_names))),
        "alarm_metrics": template.count("MetricName: "),
        "composite_alarms": template.count("Type: AWS::CloudWatch::CompositeAlarm"),
        "dashboards": 1,
    }


def observability_template() -> str:
    """Text of the template that has the alarms."""
    return (STACKS / "observability.yaml").read_text()


def usage_of(emails: float) -> dict[str, float]:
    """What so many delivered emails use, where nothing is measured."""
    used = {name: number * emails for name, number in PER_EMAIL.items()}
    kept = emails * RECORD_MONTHS
    # The daily check reads every record, at half a read unit for each 4 kB.
    reads = kept * DAYS_A_MONTH / 8
    return used | {"ledger_gb_months": kept * GB_PER_RECORD, "ledger_reads": reads}


def planned(emails_per_day: float, plan: str) -> Estimate:
    """Cost of a month with so many emails a day, after a year of them."""
    orders, probes = usage_of(emails_per_day * DAYS_A_MONTH), usage_of(PROBES_A_MONTH)
    probes[PROBES] = probes.pop(EMAILS)
    return estimate(add(standing_usage(observability_template()), orders, probes), plan)


def add(*usages: Usage) -> dict[str, float]:
    """Several usages together."""
    total: dict[str, float] = {}
    for usage in usages:
        for name, number in usage.items():
            total[name] = total.get(name, 0) + number
    return total


def times(usage: Usage, factor: float) -> dict[str, float]:
    """A usage scaled, as to a part of the month."""
    return {name: number * factor for name, number in usage.items()}
