"""Usage times prices, against sums worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from ops import cost
from ops.usage import Measured, month_of, shares

PROJECT = Path(__file__).resolve().parents[2]
ENVIRONMENT_FILES = sorted((PROJECT / "parameters").glob("*.yaml"))
VOLUMES = PROJECT / "ops" / "preflight" / "volumes.yaml"
ESSENTIALS, A_LA_CARTE, PRO = (cost.prices()["ses_plans"][name] for name in cost.plans())


@pytest.mark.parametrize(
    ("emails", "plan", "usd"),
    [
        (0, ESSENTIALS, 0),
        (60_000, ESSENTIALS, 9.60),
        (10_000_000, ESSENTIALS, 1_600),
        (11_000_000, ESSENTIALS, 1_740),
        (60_000, A_LA_CARTE, 6.00),
        (0, PRO, 105),
        (60_000, PRO, 118.20),
    ],
)
def test_ses_charges_in_steps_and_by_plan(emails: float, plan: dict[str, Any], usd: float) -> None:
    assert cost.ses_cost(emails, plan) == pytest.approx(usd)


def test_estimate_is_each_usage_at_its_price_the_greatest_first() -> None:
    usage = {
        **{"emails": 2_000, "probes": 500, "sqs_requests": 1_000_000, "ledger_writes": 10_000},
        **{"keys": 1, "alarm_metrics": 30},
    }
    estimate = cost.estimate(usage, "a-la-carte")

    assert estimate.items == pytest.approx(
        {"alarm_metrics": 3.0, "keys": 1.0, "sqs_requests": 0.4, "ses": 0.25, "ledger_writes": 0.00625}
    )
    assert estimate.dominates == next(iter(estimate.items)) == "alarm_metrics"
    assert estimate.total == pytest.approx(4.65625)
    assert estimate.per_1000 == pytest.approx(2.328125)


def test_nothing_sent_has_no_price_per_email() -> None:
    assert cost.estimate({"keys": 1}, "essentials").per_1000 is None


def test_usage_without_a_price_is_an_error_and_not_free() -> None:
    with pytest.raises(KeyError, match="carrier_pigeons"):
        cost.estimate({"carrier_pigeons": 1}, "essentials")


def test_planned_month_has_emails_probes_and_what_stands() -> None:
    """2,000 a day are 60,833 a month, and there are 4,380 probes: 65,213 at $0.16 per 1,000."""
    month = cost.planned(2_000, "essentials")

    assert month.items["ses"] == pytest.approx(10.434, abs=0.001)
    assert month.items["keys"] == 1.0
    # A year's 730,000 records and 52,560 of probes, 8 to a read unit, each day.
    assert month.items["ledger_reads"] == pytest.approx(782_560 / 8 * 30.4167 * 0.125e-6, rel=1e-3)
    assert month.emails == pytest.approx(60_833, abs=1)
    assert month.per_1000 == pytest.approx(month.total / 60.833, rel=1e-3)


def test_every_usage_that_is_estimated_has_a_price_and_the_other_way_round() -> None:
    used = cost.standing_usage(cost.observability_template()) | cost.usage_of(1)

    assert set(used) - {"emails"} == set(cost.prices()["units"])


def test_month_so_far_is_a_share_of_what_stands_and_the_forecast_goes_on_at_the_same_rate() -> None:
    share, factor = shares(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 11, tzinfo=UTC))
    measured = Measured({"emails": 10_000}, {"keys": 1}, share, factor)

    assert (share, factor) == pytest.approx((1 / 3, 3))
    assert measured.so_far("a-la-carte").total == pytest.approx(1.0 + 1 / 3)
    assert measured.forecast("a-la-carte").total == pytest.approx(3.0 + 1)


def test_deployment_of_this_month_is_not_forecast_for_the_time_before_it() -> None:
    share, factor = shares(datetime(2026, 11, 16, tzinfo=UTC), datetime(2026, 11, 21, tzinfo=UTC))

    assert (share, share * factor) == pytest.approx((1 / 6, 1 / 2))


def test_deployment_made_a_moment_ago_can_be_estimated() -> None:
    now = datetime(2026, 11, 16, tzinfo=UTC)
    share, factor = shares(now + timedelta(seconds=1), now)

    assert share > 0
    assert share * factor == pytest.approx(1 / 2)


def test_month_ends_with_the_next_one() -> None:
    begin, end = month_of(datetime(2026, 12, 31, 23, tzinfo=UTC))

    assert (begin, end) == (datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("path", ENVIRONMENT_FILES, ids=lambda path: path.stem)
def test_dashboard_is_told_what_the_price_table_says(path: Path) -> None:
    """By parameter, on SES's default plan: templates can't read the table."""
    parameters = yaml.safe_load(path.read_text())["Parameters"]
    standing = cost.estimate(cost.standing_usage(cost.observability_template()), "essentials")
    thousand = cost.estimate(cost.usage_of(1000), "essentials")

    assert float(parameters["StandingCostUsdPerMonth"]) == pytest.approx(standing.total, abs=0.01)
    assert float(parameters["EmailCostUsdPer1000"]) == pytest.approx(thousand.total, abs=0.005)


@pytest.mark.parametrize("path", ENVIRONMENT_FILES, ids=lambda path: path.stem)
def test_ordinary_month_stays_within_80_percent_of_the_budget(path: Path) -> None:
    """So that a notice of the budget says something."""
    budget = float(yaml.safe_load(path.read_text())["Parameters"]["MonthlyBudgetUsd"])
    volumes = yaml.safe_load(VOLUMES.read_text())

    assert cost.planned(volumes[path.stem]["emails_per_day"], "essentials").total < 0.8 * budget
