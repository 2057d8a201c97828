"""`notify`: which commands there are, and how errors are shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.error import URLError

import typer
from botocore.exceptions import BotoCoreError, ClientError
from typer.core import TyperGroup

from ci.emulator.control import ControlError
from ops.commands import (
    audit,
    cost,
    deploy,
    dlq,
    find,
    hold,
    local,
    preflight,
    publish,
    resend,
    restore,
    smoke,
    stats,
    status,
    suppression,
)
from ops.errors import OpsError, explained
from ops.output import print_error

EXIT_CODES = (
    "Exit codes: 0 done; 1 the answer is no (nothing found, not running, not as expected); "
    "2 wrong usage or input; 3 it could not be done, and the message says what to do next."
)


class Commands(TyperGroup):
    """Shows expected errors as what they are: what went wrong and what to do, without a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except (
            OpsError,
            BotoCoreError,
            ClientError,
            URLError,
            ConnectionError,
            TimeoutError,
            ControlError,
        ) as error:
            failure = explained(error)
        print_error(failure)
        raise typer.Exit(failure.exit_code)


COMMANDS: dict[str, dict[str, Callable[..., None]]] = {
    "Orders and their emails": {
        "publish": publish.publish,
        "find": find.find,
        "resend": resend.resend,
    },
    "How it goes": {
        "status": status.status,
        "stats": stats.stats,
        "cost": cost.cost,
        "audit": audit.audit,
    },
    "When something is wrong": {
        "hold": hold.hold,
        "resume": hold.resume,
        "restore": restore.restore,
    },
    "Deployment": {
        "preflight": preflight.preflight,
        "deploy": deploy.deploy,
        "smoke": smoke.smoke,
        "artifacts": deploy.artifacts,
        "nest": deploy.nest,
        "destroy": deploy.destroy,
    },
    "On this machine": {"demo": local.demo},
}
"""By the headings of the help."""

GROUPS: dict[str, tuple[str, str, dict[str, Callable[..., None]]]] = {
    "dlq": (
        "When something is wrong",
        "Messages that were not handled: look at them, redrive them, discard them.",
        {
            "list": dlq.list_,
            "show": dlq.show,
            "redrive": dlq.redrive,
            "discard": dlq.discard,
        },
    ),
    "suppression": (
        "When something is wrong",
        "The account's list of addresses to which SES sends nothing.",
        {"show": suppression.show, "remove": suppression.remove},
    ),
    "local": (
        "On this machine",
        "The whole system on this machine, on an emulated AWS. Nothing here can reach a real account.",
        {"up": local.up, "down": local.down, "status": local.status, "inbox": local.inbox},
    ),
}

app = typer.Typer(
    cls=Commands,
    name="notify",
    help="Operate email notifications: run them on this machine, send orders, see what became of them.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for heading, commands in COMMANDS.items():
    for name, command in commands.items():
        app.command(name, epilog=EXIT_CODES, rich_help_panel=heading)(command)
for group, (heading, text, commands) in GROUPS.items():
    sub_app = typer.Typer(help=text, epilog=EXIT_CODES, no_args_is_help=True)
    for name, command in commands.items():
        sub_app.command(name, epilog=EXIT_CODES)(command)
    app.add_typer(sub_app, name=group, rich_help_panel=heading)


def main() -> None:
    """Entry point of `notify`."""
    app()
