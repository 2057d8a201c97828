"""The command that tells volumes and rates: `stats`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from notifications.ledger_scan import LedgerScan
from notifications.times import iso
from ops import durations, settling, targets
from ops import stats as figures
from ops.commands.options import Env, Json, Region
from ops.function_settings import send_settings
from ops.output import Progress, answers, print_json, table
from ops.stats import Stats

Since = Annotated[str, typer.Option("--since", help="How long back: 30m, 1h, 7d; 15d at most.")]


def stats(since: Since = "1h", env: Env = None, region: Region = None, as_json: Json = False) -> None:
    """Tell how many emails, how well and how fast, and what waits. CloudWatch lags by a minute or two."""
    duration = durations.parse(since, figures.LONGEST)
    of = targets.find(env, region)
    now = datetime.now(UTC)
    found = figures.collect(of.aws.client("cloudwatch"), of.aws.sqs, of.name, of.outputs, now, duration)
    reasons: dict[str, int] = {}
    if found.numbers["failed"]:
        with Progress().doing("reading the ledger"):
            scan = LedgerScan(of.aws.dynamodb, of.outputs["LedgerTableName"])
            reasons = figures.failed_reasons(scan, found.since)
    waiting = settling.waiting(of, send_settings(of).settling, now)
    if as_json:
        counts = {"undecided": waiting.undecided, "awaiting_order_event": waiting.decided}
        print_json(_as_json(found) | counts | {"failed_reasons": reasons})
    else:
        rows = [
            *_rows(found, reasons),
            ("undecided now: wait for `notify settle`", f"{waiting.undecided:,}", ""),
            ("settled now: wait for their order event", f"{waiting.decided:,}", ""),
        ]
        answers().print(table(f"since {iso(found.since)}", "", "rate", rows=rows))


def _as_json(stats: Stats) -> dict[str, Any]:
    numbers = {name: round(number) for name, number in stats.numbers.items() if name != "bounces"}
    return {
        "since": iso(stats.since),
        **numbers,
        "suppressed": round(stats.suppressed),
        "delivery_rate": stats.delivery_rate,
        "bounce_rate": stats.bounce_rate,
        "complaint_rate": stats.complaint_rate,
        **stats.latency_ms,
        "waiting": dict(stats.waiting),
        "dead_letters": dict(stats.dead_letters),
    }


def _rows(stats: Stats, reasons: Mapping[str, int]) -> list[tuple[str, str, str]]:
    def number(label: str, name: str, rate: str = "") -> tuple[str, str, str]:
        return label, f"{stats.numbers[name]:,.0f}", rate

    def latency(label: str, name: str) -> tuple[str, str, str]:
        milliseconds = stats.latency_ms[name]
        return label, "-" if milliseconds is None else f"{milliseconds / 1000:,.1f} s", ""

    return [
        number("accepted by SES", "accepted"),
        number("delivered", "delivered", f"{_percent(stats.delivery_rate)} of those that have ended"),
        number("hard bounces", "hard_bounces", f"{_percent(stats.bounce_rate)} of accepted"),
        number("complaints", "complaints", f"{_percent(stats.complaint_rate)} of accepted"),
        ("suppressed", f"{stats.suppressed:,.0f}", ""),
        number("failures", "failures"),
        number("of these refused for good", "failed"),
        *((f"refused for good: {reason}", f"{times:,}", "") for reason, times in reasons.items()),
        number("of unknown outcome", "unknown"),
        number("resent after an unknown outcome", "resent_after_unknown"),
        latency("half accepted within", "latency_p50_ms"),
        latency("99 % accepted within", "latency_p99_ms"),
        number("probes delivered", "probes_delivered"),
        *((f"waiting now: {queue}", f"{depth:,}", "") for queue, depth in stats.waiting.items()),
        *((f"dead letters now: {queue}", f"{depth:,}", "") for queue, depth in stats.dead_letters.items()),
    ]


def _percent(rate: float | None) -> str:
    return "-" if rate is None else f"{100 * rate:.2f} %"
