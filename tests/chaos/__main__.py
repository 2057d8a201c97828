"""`python -m tests.chaos`: a run with its table of faults and its verdict."""

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

from tests.chaos.run import PARAMETERS, Tell, run
from tests.chaos.verdict import Verdict, explain
from tests.support.system import deployed

EXPLAINED = 3
"""Orders that are shown whole when something went wrong."""
LINE_INTERVAL_SECONDS = 15.0


def main(
    orders: Annotated[int, typer.Option(help="How many valid orders.", min=20)] = 2000,
    seed: Annotated[int | None, typer.Option(help="Repeats the orders and faults of an earlier run.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print the verdict as JSON.")] = False,
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
            verdict = run(system, orders, seed, tell)
        explanations = [explain(system, id_) for id_ in verdict.wrong_orders[:EXPLAINED]]
    if json_:
        shown = asdict(verdict) | {"passed": verdict.passed, "explanations": explanations}
        console.print_json(json.dumps(shown, default=str))
    else:
        _show(console, verdict)
        for explanation in explanations:
            console.print_json(json.dumps(explanation, default=str))
    raise typer.Exit(0 if verdict.passed else 1)


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


def _show(console: Console, verdict: Verdict) -> None:
    hits = Table("Fault", title="Faults", title_justify="left", box=None)
    hits.add_column("Hits", justify="right")
    hits.add_column("Needed", justify="right")
    for name, count in verdict.hits.items():
        style = "red" if name in verdict.missed_faults else None
        hits.add_row(name, str(count), str(verdict.hits_needed[name]), style=style)
    console.print(hits)

    counts = Table(show_header=False, box=None)
    counts.add_column()
    counts.add_column(justify="right")
    counts.add_row("valid orders", str(verdict.orders + verdict.probes))
    counts.add_row("accepted by SES", str(verdict.accepted))
    for what, wrong in {
        "duplicates": verdict.duplicates,
        "lost": verdict.lost,
        "in a dead-letter queue": verdict.dead,
        "not known to be delivered": verdict.unfinished,
    }.items():
        counts.add_row(what, str(len(wrong)), style="red" if wrong else None)
    counts.add_row("malformed orders", str(verdict.malformed))
    refused = verdict.malformed - len(verdict.not_refused)
    counts.add_row("refused", str(refused), style="red" if verdict.not_refused else None)
    counts.add_row("events left over", str(verdict.events_left), style="red" if verdict.events_left else None)
    counts.add_row("resent after unknown", str(verdict.resent_after_unknown))
    for attempts, number in verdict.attempts.items():
        counts.add_row(f"orders with {attempts} attempt{'s' if attempts > 1 else ''}", str(number))
    console.print()
    console.print(counts)

    console.print(
        f"\n{verdict.orders} orders and {verdict.malformed} malformed ones, published as {verdict.messages} "
        f"messages, and {verdict.probes} probes; {verdict.seconds:.0f} s, seed {verdict.seed}",
        "[green]passed[/green]" if verdict.passed else "[red]FAILED[/red]",
        sep="\n",
        soft_wrap=True,
    )


if __name__ == "__main__":
    typer.run(main)
