"""`python -m tests.chaos`: a run with its table of faults and its verdict."""

from __future__ import annotations

import json
import random
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tests.chaos import faults
from tests.chaos.run import PARAMETERS, Verdict, explain, run
from tests.support.system import deployed

EXPLAINED = 3
"""Orders that are shown whole when something went wrong."""


def main(
    orders: Annotated[int, typer.Option(help="How many valid orders.", min=20)] = 2000,
    seed: Annotated[int | None, typer.Option(help="Repeats the orders and faults of an earlier run.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print the verdict as JSON.")] = False,
) -> None:
    """Send orders through the system while everything fails that can. Exit code 1: it did not pass."""
    seed = random.randrange(2**31) if seed is None else seed
    console, errors = Console(), Console(stderr=True)
    errors.print(f"seed {seed}")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with (
        tempfile.TemporaryDirectory() as folder,
        deployed(Path(folder) / "emulator.log", PARAMETERS) as system,
    ):
        with Progress(*columns, console=errors) as progress:
            task = progress.add_task("deploying", total=None)

            def tell(what: str, done: int, total: int) -> None:
                progress.update(task, description=what, completed=done, total=total)

            verdict = run(system, orders, seed, tell)
        wrong = [*verdict.duplicates, *verdict.lost, *verdict.unfinished, *verdict.valid_in_dead_letters]
        explanations = [explain(system, id_) for id_ in wrong[:EXPLAINED]]
    if json_:
        console.print_json(
            json.dumps({**asdict(verdict), "passed": verdict.passed, "explanations": explanations})
        )
    else:
        _show(console, verdict, orders)
        for explanation in explanations:
            console.print_json(json.dumps(explanation, default=str))
    raise typer.Exit(0 if verdict.passed else 1)


def _show(console: Console, verdict: Verdict, orders: int) -> None:
    table = Table(title="Faults", title_justify="left", box=None)
    table.add_column("Fault")
    table.add_column("Hits", justify="right")
    table.add_column("Needed", justify="right")
    for name, hits in verdict.hits.items():
        needed = 1 if name == faults.TRACKER_DOWN else faults.hits_needed(orders)
        table.add_row(
            name, f"[red]{hits}[/red]" if name in verdict.faults_without_effect else str(hits), str(needed)
        )
    console.print(table)
    console.print(
        f"\n{verdict.valid} orders, published as {verdict.published - verdict.malformed} messages, and "
        f"{verdict.malformed} malformed ones, in {verdict.seconds:.0f} s (seed {verdict.seed})\n"
        f"accepted by SES            {verdict.accepted}\n"
        f"duplicates                 {len(verdict.duplicates)}\n"
        f"lost                       {len(verdict.lost)}\n"
        f"valid in a dead-letter queue  {len(verdict.valid_in_dead_letters)}\n"
        f"malformed elsewhere        {len(verdict.malformed_not_in_dead_letters)}\n"
        f"unfinished                 {len(verdict.unfinished)}\n"
        f"resent after unknown       {verdict.resent_after_unknown}\n"
        f"orders by attempts         {', '.join(f'{n}: {count}' for n, count in verdict.attempts.items())}"
    )
    console.print("[green]passed[/green]" if verdict.passed else "[red]FAILED[/red]")


if __name__ == "__main__":
    typer.run(main)
