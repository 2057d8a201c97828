"""The command that tells what it costs: `cost`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from ops import cost as costs
from ops import targets, usage
from ops.commands.options import Env, Json, Region
from ops.cost import Estimate
from ops.errors import InputError
from ops.output import answers, plain, print_json, table

DEFAULT_PLAN = costs.plans()[0]
Plan = Annotated[str, typer.Option(help=f"SES plan of the account: {', '.join(costs.plans())}.")]
PerDay = Annotated[
    float | None,
    typer.Option("--per-day", min=0, help="Emails a day: what a month of them would cost, without looking."),
]


def cost(
    per_day: PerDay = None,
    plan: Plan = DEFAULT_PLAN,
    env: Env = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Estimate in US dollars: the month to date, per 1,000 emails, the forecast, and what dominates."""
    if plan not in costs.plans():
        raise InputError(f"There is no SES plan {plan!r}.", f"There are {', '.join(costs.plans())}.")
    estimates = _planned(per_day, plan) if per_day is not None else _measured(plan, env, region)
    prices = {key: costs.prices()[key] for key in ("date", "region")}
    if as_json:
        print_json(
            {name: _as_json(one) for name, one in estimates.items()} | {"plan": plan, "prices": prices}
        )
        return
    for name, one in estimates.items():
        answers().print(plain(_sentence(name, one)), soft_wrap=True)
        rows = [(item, f"{usd:.2f}") for item, usd in one.items.items()]
        answers().print(table("", "US dollars", rows=rows))
    answers().print(f"Prices of {prices['date']} in {prices['region']}, without free tiers; SES plan {plan}.")


def _planned(per_day: float, plan: str) -> dict[str, Estimate]:
    return {"month": costs.planned(per_day, plan)}


def _measured(plan: str, env: str | None, region: str | None) -> dict[str, Estimate]:
    found = targets.find(env, region)
    measured = usage.measure(found.aws, found.name, found.outputs, found.created_at, datetime.now(UTC))
    return {"month_to_date": measured.so_far(plan), "forecast": measured.forecast(plan)}


def _as_json(estimate: Estimate) -> dict[str, Any]:
    """In a stable form, to a hundredth of a cent."""
    per_1000 = estimate.per_1000
    return {
        "total": round(estimate.total, 4),
        "emails": round(estimate.emails),
        "per_1000": None if per_1000 is None else round(per_1000, 4),
        "dominates": estimate.dominates,
        "items": {name: round(usd, 4) for name, usd in estimate.items.items()},
    }


def _sentence(name: str, estimate: Estimate) -> str:
    per_1000 = "" if estimate.per_1000 is None else f", ${estimate.per_1000:.2f} per 1,000"
    return (
        f"{name.replace('_', ' ').capitalize()}: ${estimate.total:.2f} for {estimate.emails:,.0f} emails"
        f"{per_1000}. Most of it is {estimate.dominates}."
    )
