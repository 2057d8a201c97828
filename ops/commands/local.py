"""The whole system on this machine, on an emulated AWS. Nothing here can reach a real account."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ops import local
from ops.commands.options import NO, Json
from ops.output import Progress, answers, print_json, table
from ops.output import inbox as inbox_table


def up(
    port: Annotated[
        int | None,
        typer.Option(
            help=f"TCP port for the emulator (default {local.DEFAULT_PORT}, or where it runs already).",
            min=1,
            max=65535,
            show_default=False,
        ),
    ] = None,
) -> None:
    """Start the emulator and deploy the working tree; when it runs already, deploy what has changed."""
    progress = Progress()
    local.up(port, progress)
    progress.done("ready: send an order with `notify publish FILE`, stop with `notify local down`")


def down() -> None:
    """Stop the emulator. All that was deployed and sent on it is gone."""
    environment = local.find()
    if environment is None:
        Progress().done("nothing to stop: the emulator is not running")
        return
    environment.down()
    Progress().done(f"emulator at {environment.endpoint_url} stopped")


def status(as_json: Json = False) -> None:
    """Tell what runs: endpoint, stack, messages in the queues, mails accepted. Exit code 1: not running."""
    environment = local.find()
    state = environment.status() if environment else local.NOT_RUNNING
    if as_json:
        print_json(state)
    elif environment is None:
        answers().print("The emulator is not running. Start it with `notify local up`.")
    else:
        _print_status(state)
    if environment is None:
        raise typer.Exit(NO)


def inbox(as_json: Json = False) -> None:
    """List the mails that SES accepted, oldest first."""
    mails = local.get().emulator.accepted()
    keys = ("to", "from", "subject", "html", "text", "message_id", "tags", "configuration_set")
    if as_json:
        print_json([{key: mail[key] for key in keys} for mail in mails])
        return
    answers().print(inbox_table(mails) if mails else "No mail yet.")


def _print_status(state: dict[str, Any]) -> None:
    queues = [
        (name, f"{depth['waiting']} waiting, {depth['in_flight']} in flight, {depth['delayed']} delayed")
        for name, depth in state["queues"].items()
    ]
    stack = state["stack"]
    rows = [
        ("endpoint", state["endpoint"]),
        (stack["name"], stack["status"] or "not deployed"),
        ("mails accepted", state["mails_accepted"]),
        *queues,
    ]
    answers().print(table(rows=rows))
