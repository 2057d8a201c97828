"""`notify`: the operators' commands. Each parses its arguments, calls one thing and shows the answer."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.error import URLError

import typer
from botocore.exceptions import BotoCoreError, ClientError
from typer.core import TyperGroup

from ci.emulator.control import ControlError
from ops import demo as demonstration
from ops import local, publishing, targets
from ops.commands import (
    audit_cli,
    cost_cli,
    deploy_cli,
    dlq_cli,
    find_cli,
    hold_cli,
    preflight_cli,
    resend_cli,
    restore_cli,
    smoke_cli,
    stats_cli,
    suppression_cli,
)
from ops.errors import OpsError, explained
from ops.files import read
from ops.output import Progress, answers, plain, print_error, print_json, table
from ops.output import inbox as inbox_table

EXIT_CODES = (
    "Exit codes: 0 done; 1 the answer is no (nothing found, not running, not as expected); "
    "2 wrong usage or input; 3 it could not be done, and the message says what to do next."
)
NO = 1


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


app = typer.Typer(
    cls=Commands,
    name="notify",
    help="Operate email notifications: run them on this machine, send orders, see what became of them.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
local_app = typer.Typer(
    help="The whole system on this machine, on an emulated AWS. Nothing here can reach a real account.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
)
suppression_app = typer.Typer(
    help="The account's list of addresses to which SES sends nothing.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
)
app.add_typer(local_app, name="local")
app.add_typer(suppression_app, name="suppression")
dlq_app = typer.Typer(
    help="Messages that were not handled: look at them, redrive them, discard them.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
)
app.add_typer(dlq_app, name="dlq")

Json = Annotated[bool, typer.Option("--json", help="Print the answer as JSON, and nothing else, to stdout.")]


@local_app.command(epilog=EXIT_CODES)
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


@local_app.command(epilog=EXIT_CODES)
def down() -> None:
    """Stop the emulator. All that was deployed and sent on it is gone."""
    environment = local.find()
    if environment is None:
        Progress().done("nothing to stop: the emulator is not running")
        return
    environment.down()
    Progress().done(f"emulator at {environment.endpoint_url} stopped")


@local_app.command(epilog=EXIT_CODES)
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


@local_app.command(epilog=EXIT_CODES)
def inbox(as_json: Json = False) -> None:
    """List the mails that SES accepted, oldest first."""
    mails = local.get().control.accepted()
    keys = ("to", "from", "subject", "html", "text", "message_id", "tags", "configuration_set")
    if as_json:
        print_json([{key: mail[key] for key in keys} for mail in mails])
        return
    answers().print(inbox_table(mails) if mails else "No mail yet.")


@app.command(epilog=EXIT_CODES)
def publish(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE|-", help="Order events: a JSON object, an array, or one object a line; - is stdin."
        ),
    ],
    raw: Annotated[bool, typer.Option("--raw", help="Publish the file as one message, JSON or not.")] = False,
    env: deploy_cli.Env = None,
    region: deploy_cli.Region = None,
    as_json: Json = False,
) -> None:
    """Put order events on the topic, as an order system does."""
    content = read(file)
    events = [publishing.raw_event(content)] if raw else publishing.parse_events(content)
    to = targets.find(env, region)
    published = [publishing.publish(to.aws.sns, to.outputs["OrderEventsTopicArn"], event) for event in events]
    if as_json:
        print_json([{"message_id": done.message_id, "order_id": done.order_id} for done in published])
        return
    for done in published:
        answers().print(
            plain(f"{done.order_id or '(no order id)'}  message {done.message_id}"), soft_wrap=True
        )


@app.command(epilog=EXIT_CODES)
def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave the system running.")] = False,
) -> None:
    """Run the whole system here, send orders of all kinds through it, show what became of each."""
    if not demonstration.run(Progress(), answers(), keep=keep):
        raise typer.Exit(NO)


for command in (
    find_cli.find,
    stats_cli.stats,
    audit_cli.audit,
    resend_cli.resend,
    restore_cli.restore,
    cost_cli.cost,
    preflight_cli.preflight,
    smoke_cli.smoke,
    hold_cli.hold,
    hold_cli.resume,
    deploy_cli.artifacts,
    deploy_cli.deploy,
    deploy_cli.nest,
    deploy_cli.destroy,
):
    app.command(epilog=EXIT_CODES)(command)
suppression_app.command(epilog=EXIT_CODES)(suppression_cli.show)
suppression_app.command(epilog=EXIT_CODES)(suppression_cli.remove)
dlq_app.command("list", epilog=EXIT_CODES)(dlq_cli.list_)
dlq_app.command(epilog=EXIT_CODES)(dlq_cli.show)
dlq_app.command(epilog=EXIT_CODES)(dlq_cli.redrive)
dlq_app.command(epilog=EXIT_CODES)(dlq_cli.discard)


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


def main() -> None:
    """Entry point of `notify`."""
    app()
