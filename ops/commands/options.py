"""Options that commands share, and the exit code of a command whose answer is no."""

from __future__ import annotations

from typing import Annotated

import typer

NO = 1

Env = Annotated[
    str | None,
    typer.Option("--env", help="Environment: a file of parameters/. Without it, the one on this machine."),
]
Region = Annotated[
    str | None, typer.Option(help="AWS region (default: AWS_REGION, or the profile's).", show_default=False)
]
Json = Annotated[bool, typer.Option("--json", help="Print the answer as JSON, and nothing else, to stdout.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do it; without, show what would be done.")]
