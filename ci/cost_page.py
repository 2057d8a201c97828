"""Render docs/cost.md from the price table and the estimate: `python -m ci.cost_page`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ops import cost

PAGE = Path(__file__).resolve().parent.parent / "docs" / "cost.md"
PER_DAY = (100, 2_000, 20_000)
SHOWN_USD = 0.005


def render() -> str:
    """The whole page."""
    prices, plan = cost.prices(), cost.plans()[0]
    months = [cost.planned(number, plan) for number in PER_DAY]
    names = [name for name, usd in months[-1].items.items() if usd >= SHOWN_USD]
    without = months[1].items["dashboards"]
    return "\n".join(
        [
            "# What it costs",
            "",
            "Made from `ops/prices.yaml` and `ops/cost.py` by `python -m ci.cost_page`; do not edit.",
            "",
            f"US dollars a month in {prices['region']}, prices of {prices['date']}, on SES's plan `{plan}`,",
            "without free tiers, with a probe every 10 minutes, after a year of records. `notify cost`",
            "estimates a deployment's month from what it has used; `notify cost --per-day N` works out any",
            "other number.",
            "",
            _row("", [f"{number:,} emails a day" for number in PER_DAY]),
            _rule(len(PER_DAY)),
            *(_row(f"`{name}`", [f"{month.items[name]:.2f}" for month in months]) for name in names),
            _row("**together**", [f"**{month.total:.2f}**" for month in months]),
            _row("**per 1,000 emails**", [f"**{month.per_1000 or 0:.2f}**" for month in months]),
            "",
            "The same on each of SES's plans:",
            "",
            _row("SES plan", [f"{number:,} emails a day" for number in PER_DAY]),
            _rule(len(PER_DAY)),
            *(
                _row(f"`{one}`", [f"{cost.planned(number, one).total:.2f}" for number in PER_DAY])
                for one in cost.plans()
            ),
            "",
            'An idle deployment costs what stands still. `CreateDashboard` "false" saves '
            f"${without:.0f} of it, `ProbeMinutes`",
            f'"0" the {cost.PROBES_A_MONTH:,.0f} emails a month of the probe.',
            "",
            "| Price | US dollars | for one |",
            "| --- | ---: | --- |",
            *(
                f"| [`{name}`]({unit['source']}) | {_price(unit['price'])} | {unit['unit']} |"
                for name, unit in prices["units"].items()
            ),
            "",
        ]
    )


def _row(name: str, cells: Sequence[str]) -> str:
    return f"| {name} | {' | '.join(cells)} |"


def _rule(columns: int) -> str:
    return "| --- |" + " ---: |" * columns


def _price(price: float) -> str:
    return f"{price:.10f}".rstrip("0").rstrip(".")


if __name__ == "__main__":
    PAGE.write_text(render())
