"""`python -m tests.chaos`: a run with its table of faults and its report."""

from __future__ import annotations

import json
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tests.chaos.experiment import PARAMETERS, Tell, run
from tests.chaos.report import Report, explain
from tests.support.system import deployed

EXPLAINED = 3
"""Orders that are shown whole when something went wrong."""
LINE_INTERVAL_SECONDS = 15.0


def main(
    orders: Annotated[int, typer.Option(help="How many valid orders.", min=20)] = 2000,
    seed: Annotated[int | None, typer.Option(help="Repeats the orders and faults of an earlier run.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Send orders through the system while everything fails that can. Exit code 1: it did not pass."""
    seed = random.randrange(2**31) if seed is None else seed
    console, errors = Console(), Console(stderr=True)
    errors.print(f"seed {seed}")
    with (
        tempfile.TemporaryDirectory() as folder,
        deployed(Path(folder) / "emulator.log", PARAMETERS) as system,
    ):
        with _progress(errors) as tell:
            report = run(system, orders, seed, tell)
        explanations = [explain(system, id_) for id_ in report.wrong_orders[:EXPLAINED]]
    if json_:
        shown = asdict(report) | {"passed": report.passed, "explanations": explanations}
        console.print_json(json.dumps(shown, default=str))
    else:
        _show(console, report)
        for explanation in explanations:
            console.print_json(json.dumps(explanation, default=str))
    raise typer.Exit(0 if report.passed else 1)


@contextmanager
def _progress(console: Console) -> Iterator[Tell]:
    """A bar on a terminal; elsewhere a line now and then."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("")
        told_at = time.monotonic()

        def tell(what: str, done: int, total: int) -> None:
            nonlocal told_at
            progress.update(task, description=what, completed=done, total=total)
            if not console.is_terminal and time.monotonic() - told_at > LINE_INTERVAL_SECONDS:
                console.print(f"{what} {done}/{total}")
                told_at = time.monotonic()

        yield tell


def _show(console: Console, report: Report) -> None:
    hits = Table("Fault", title="Faults", title_justify="left", box=None)
    hits.add_column("Hits", justify="right")
    hits.add_column("Needed", justify="right")
    for name, count in report.hits.items():
        style = "red" if name in report.missed_faults else None
        hits.add_row(name, str(count), str(report.hits_needed[name]), style=style)
    console.print(hits)

    counts = Table(show_header=False, box=None)
    counts.add_column()
    counts.add_column(justify="right")
    counts.add_row("valid orders", str(report.orders + report.probes))
    counts.add_row("accepted by SES", str(report.accepted))
    for what, wrong in {
        "duplicates": report.duplicates,
        "lost": report.lost,
        "in a dead-letter queue": report.dead,
        "not known to be delivered": report.unfinished,
    }.items():
        counts.add_row(what, str(len(wrong)), style="red" if wrong else None)
    counts.add_row("malformed orders", str(report.malformed))
    refused = report.malformed - len(report.not_refused)
    counts.add_row("refused", str(refused), style="red" if report.not_refused else None)
    counts.add_row("events left over", str(report.events_left), style="red" if report.events_left else None)
    counts.add_row("resent after unknown", str(report.resent_after_unknown))
    for attempts, number in report.attempts.items():
        counts.add_row(f"orders with {attempts} attempt{'s' if attempts > 1 else ''}", str(number))
    console.print()
    console.print(counts)

    console.print(
        f"\n{report.orders} orders and {report.malformed} malformed ones, published as {report.messages} "
        f"messages, and {report.probes} probes; {report.seconds:.0f} s, seed {report.seed}",
        "[green]passed[/green]" if report.passed else "[red]FAILED[/red]",
        sep="\n",
        soft_wrap=True,
    )


if __name__ == "__main__":
    typer.run(main)
