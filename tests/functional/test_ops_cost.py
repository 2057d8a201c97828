"""`notify cost`: what it prints, for people and for machines."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from ops import cli


def notify(*arguments: str) -> Any:
    return CliRunner().invoke(cli.app, ["cost", *arguments])


def test_cost_of_so_many_emails_a_day_needs_no_deployment() -> None:
    result = notify("--per-day", "2000", "--json")

    assert result.exit_code == 0
    document = json.loads(result.stdout)
    month = document["month"]
    assert (document["plan"], month["dominates"]) == ("essentials", "ses")
    assert month["emails"] == 60_833
    assert month["total"] == pytest.approx(sum(month["items"].values()), abs=0.01)
    assert month["per_1000"] == pytest.approx(1000 * month["total"] / month["emails"], abs=0.001)


def test_cheaper_plan_is_cheaper() -> None:
    def total(plan: str) -> float:
        answer = notify("--per-day", "2000", "--plan", plan, "--json")
        return float(json.loads(answer.stdout)["month"]["total"])

    assert total("a-la-carte") < total("essentials") < total("pro")


def test_people_are_told_the_sum_what_dominates_and_the_prices_date() -> None:
    result = notify("--per-day", "2000")

    assert "for 60,833 emails" in result.stdout
    assert "Most of it is ses." in result.stdout
    assert "Prices of 20" in result.stdout


def test_unknown_plan_is_refused_with_those_that_there_are() -> None:
    result = notify("--per-day", "1", "--plan", "gold")

    assert result.exit_code == 2
    assert "essentials, a-la-carte, pro" in result.stderr
