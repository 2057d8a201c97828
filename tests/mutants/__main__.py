"""`python -m tests.mutants`: try the mutations. Exit code 1: one survived, or could not be tried."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tests.mutants.mutations import MUTATIONS, TESTS
from tests.mutants.trial import Fate, MutationError, Tried, run


def main(
    only: Annotated[str, typer.Option(help="Part of the name or module of those to try.")] = "",
    json_: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
) -> None:
    """Put known bugs into the functions, one at a time: the tests of the module must notice each."""
    chosen = [mutation for mutation in MUTATIONS if only in mutation.name or only in mutation.module]
    tried: list[Tried] = []
    try:
        for one in run(chosen, TESTS):
            tried.append(one)
            if not json_:
                print(
                    f"{len(tried):3} of {len(chosen)}  {one.fate:8}  {one.name}", file=sys.stderr, flush=True
                )
    except MutationError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(1) from None
    survivors = [one for one in tried if one.fate is Fate.SURVIVED]
    print(json.dumps([asdict(one) for one in tried], indent=2)) if json_ else show(tried)
    if survivors:
        print("Survived: " + "; ".join(f"{one.name} ({one.module})" for one in survivors), file=sys.stderr)
        raise typer.Exit(1)


def show(tried: list[Tried]) -> None:
    table = Table("mutation", "module", "fate", "killed by", "seconds", box=None)
    for one in tried:
        test = one.killed_by.rpartition("::")[2]
        table.add_row(one.name, one.module, one.fate, test, f"{one.seconds:.1f}")
    Console(width=None if sys.stdout.isatty() else 240).print(table)


if __name__ == "__main__":
    typer.run(main)
