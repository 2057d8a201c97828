"""A threshold stands once, in its alarm: its description and the docs are held to it, number by number."""

from __future__ import annotations

import re
from typing import Any

import pytest

from notifications import overdue
from tests.templates.model import PROJECT, Resource, deploy, resources_of

STACKS = deploy("prod")
SERVICE = "email-notifications-prod"
ALARMS = {
    alarm.name.removeprefix(f"{SERVICE}-"): alarm
    for alarm in resources_of(STACKS, "AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")
}
MINUTE, HOUR, DAY = 60, 3600, 86400


def threshold(alarm: Resource) -> float:
    return float(alarm.properties["Threshold"])


def period(alarm: Resource) -> float:
    """Seconds that the alarm looks back on."""
    periods = {q["MetricStat"]["Period"] for q in alarm.properties.get("Metrics", []) if "MetricStat" in q}
    (each,) = periods or {alarm.properties["Period"]}
    return float(each * alarm.properties["EvaluationPeriods"])


def number(alarm: Resource, before: str) -> float:
    """The number that stands behind a text in one of the alarm's expressions."""
    texts = [query["Expression"] for query in alarm.properties["Metrics"] if "Expression" in query]
    (found,) = [match for text in texts for match in re.findall(re.escape(before) + r"([\d.]+)", text)]
    return float(found)


def product(alarm: Resource, before: str) -> float:
    """The product of two numbers, `50 * 20`, behind a text in one of the alarm's expressions."""
    texts = [query["Expression"] for query in alarm.properties["Metrics"] if "Expression" in query]
    ((one, other),) = [
        match for text in texts for match in re.findall(re.escape(before) + r"(\d+) \* (\d+)", text)
    ]
    return float(one) * float(other)


def retention_days() -> float:
    return STACKS["messaging"].resources["SendQueue"].properties["MessageRetentionPeriod"] / DAY


def figures(name: str) -> list[tuple[float, str, str]]:
    """Return each number of an alarm, as its description has it, and as the docs have it ("" = not there)."""
    a = ALARMS[name]
    match name:
        case "orders-waiting":
            return [
                (period(a) / MINUTE, "For {} minutes", "for {} minutes"),
                (number(a, "FILL(age, 0) > ") / MINUTE, "more than {} minutes late", "older than {} minutes"),
                (number(a, "FILL(in_hand, 0) >= "), "or {} or more have waited", "or {} or more wait"),
            ]
        case "orders-expiring":
            return [
                (threshold(a) / DAY, "more than {} days", "more than {} days"),
                (retention_days(), "SQS drops it after {}", "SQS drops it after {}"),
            ]
        case "emails-late":
            return [
                (100 - 99, "More than {} of 100 emails", ""),
                (period(a) / HOUR, "within {} hours", "{} hours' emails"),
                (threshold(a), "more than {} seconds", "more than {} seconds"),
                (number(a, "FILL(emails, 0) >= "), "of {} emails", "({} or more)"),
                (int(statistic(a).removeprefix("p")), "", "{} % of"),
            ]
        case "sends-failing" | "emails-failed":
            what = "sends failed" if name == "sends-failing" else "emails were refused"
            return [
                (period(a) / HOUR, "Within {} hours", "within {} hours"),
                (threshold(a), f"{{}} or more {what}", "hours {} "),
            ]
        case "outcomes-missing":
            return [
                (period(a) / HOUR, "For {} hours", ""),
                (number(a, "(missing > "), "more than {} and", "more than {} and"),
                (100 * number(a, "AND missing > "), "{} % of them", "{} % without one"),
                (number(a, "FILL(age, 0) > ") / MINUTE, "more than {} minutes", "for {} minutes"),
                (number(a, "FILL(accepted, 0) >= "), "", "of {} or more emails"),
            ]
        case "functions-failing":
            return [(threshold(a), "{} or more runs", "{} runs within an hour")]
        case "notifications-overdue":
            return [(overdue.OUTCOME_LIFE.total_seconds() / HOUR, "for {} hours", "for {} hours")]
        case "bounce-rate-high":
            return [
                (threshold(a), "More than {} % of an hour's emails", "more than {} % of an hour's emails"),
                (number(a, "FILL(accepted, 0) >= "), "", "({} or more)"),
            ]
        case "complaint-rate-high":
            return [
                (threshold(a) / 10, "More than {} % of a day's emails", ""),
                (threshold(a), "", "more than {} of 1,000 of a day's emails"),
                (product(a, "FILL(accepted, 0) >= "), "", "({} or more)"),
                (1000, "", "of {}"),
            ]
        case "reputation-at-risk":
            return [
                (
                    number(a, "100 * FILL(bounces, 0) > "),
                    "More than {} % of an hour's",
                    "more than {} % of an",
                ),
                (number(a, "1000 * FILL(complaints, 0) > ") / 10, "more than {} % were", "more than {} % ("),
                (products(a)[0], "", "({} or more) bounced"),
                (products(a)[1], "", "({} or more) were complained about"),
            ]
        case "delivery-rate-low":
            return [
                (threshold(a), "Less than {} %", "less than {} %"),
                (number(a, "tried >= "), "", "({} or more)"),
            ]
        case "probes-failing":
            return [
                (period(a) / MINUTE, "of the last {} minutes", "of {} minutes"),
                (number(a, "FILL(started, 0) >= "), "", "({} or more)"),
            ]
    return []


def statistic(alarm: Resource) -> str:
    (found,) = [
        query["MetricStat"]["Stat"] for query in alarm.properties["Metrics"] if query["Id"] == "milliseconds"
    ]
    return str(found)


def products(alarm: Resource) -> list[float]:
    (text,) = [query["Expression"] for query in alarm.properties["Metrics"] if "Expression" in query]
    return [float(a) * float(b) for a, b in re.findall(r"FILL\(accepted, 0\) >= (\d+) \* (\d+)", text)]


def described(name: str) -> str:
    """An alarm's description, without severity and runbook."""
    text: str = ALARMS[name].properties["AlarmDescription"]
    return text.partition(" Severity: ")[0]


def documented(name: str) -> str:
    """What docs/observability.md says an alarm is raised by."""
    page = (PROJECT / "docs" / "observability.md").read_text()
    (row,) = [line for line in page.splitlines() if line.startswith(f"| `{name}` | ") and "runbook" in line]
    return row.split(" | ")[2]


def written(value: float) -> str:
    return f"{round(value, 6):,g}" if value < 1000 else f"{value:,.0f}"


def numbers(text: str) -> set[str]:
    return set(re.findall(r"\d[\d,.]*(?<=\d)", text))


@pytest.mark.parametrize("name", ALARMS)
def test_alarms_description_and_the_docs_say_its_own_numbers_and_no_others(name: str) -> None:
    for text, column in ((described(name), 1), (documented(name), 2)):
        said: list[Any] = [(figure[column], written(figure[0])) for figure in figures(name) if figure[column]]
        for pattern, value in said:
            assert pattern.format(value) in text
        fixed = {"100"} if name == "emails-late" and column == 1 else set()
        assert numbers(text) - fixed == {value for _, value in said} - fixed
