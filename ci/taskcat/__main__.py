"""`python -m ci.taskcat`: deploy in several regions, look, delete, report."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError

from ci.taskcat import picture, report, staging
from ci.taskcat import target as targets
from ci.taskcat.deployment import LOG
from ci.taskcat.execution import Tell, perform
from ci.taskcat.results import Check, StackResult
from ci.taskcat.staging import FOLDER
from ci.taskcat.target import Target
from ops.errors import OpsError
from ops.output import Progress, print_error

EMULATOR_LOG = FOLDER / "emulator.log"


class Where(StrEnum):
    """Where to deploy."""

    EMULATOR = "emulator"
    AWS = "aws"


def main(
    target: Annotated[Where, typer.Option(help="aws: the account of your credentials.")] = Where.EMULATOR,
    regions: Annotated[str, typer.Option(help="Separated by commas (default: those of .taskcat.yml).")] = "",
    tests: Annotated[str, typer.Option(help="Separated by commas (default: all of .taskcat.yml).")] = "",
    delete_retained: Annotated[
        bool, typer.Option("--delete-retained", help="On AWS, delete what outlives its stack, too.")
    ] = False,
) -> None:
    """Deploy in several regions, send mail through each, delete all. Exit code 1: something is wrong."""
    # A build that is stopped deletes its stacks, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    progress = Progress()
    try:
        plan = staging.plan(_listed(tests), _listed(regions))
        with _open(target) as where:
            progress.done(f"{where.name}, account {where.account}: {', '.join(plan.regions)}")
            run = perform(
                where, plan, _teller(progress), delete_retained=delete_retained or where.is_disposable
            )
    except OpsError as error:
        print_error(error)
        raise typer.Exit(error.exit_code) from error
    except (BotoCoreError, ClientError) as error:
        print_error(OpsError(str(error), "Correct that, then try again."))
        raise typer.Exit(OpsError.exit_code) from error
    page = report.write(run, FOLDER / "report.html")
    progress.done(f"{page} tells it whole")
    progress.done(picture.take(page, FOLDER / "report.png"))
    raise typer.Exit(0 if run.passed else 1)


@contextmanager
def _open(where: Where) -> Iterator[Target]:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for log in (LOG, EMULATOR_LOG):
        log.unlink(missing_ok=True)
    if where is Where.AWS:
        yield targets.caller()
    else:
        with targets.emulator(EMULATOR_LOG) as target:
            yield target


def _teller(progress: Progress) -> Tell:
    def tell(result: StackResult, check: Check) -> None:
        what = f"{result.test:<9} {result.region:<15} {check.name:<26} {check.seconds:5.1f} s"
        progress.done(f"{what}  {check.detail}", "✓" if check.passed else "✗")

    return tell


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


if __name__ == "__main__":
    typer.run(main)
