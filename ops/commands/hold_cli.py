"""The commands that hold sending back and let it go: `hold` and `resume`."""

from __future__ import annotations

import typer

from notifications.hold import SendingHold
from ops import targets
from ops.audit import Reason, decision
from ops.commands.deploy_cli import Env, Region
from ops.output import Progress
from ops.targets import Deployed

NO = 1


def hold(reason: Reason, env: Env = None, region: Region = None) -> None:
    """Send nothing from now on: orders wait until `notify resume`. Exit code 1: it was on hold already."""
    of = targets.find(env, region)
    sending = hold_of(of)
    if not sending.hold(decision(of, reason)):
        held = sending.held()
        Progress().done(f"sending was on hold already: {held}", "!")
        raise typer.Exit(NO)
    Progress().done("sending is on hold: orders wait in their queue, for 4 days at most; `notify resume`")


def resume(reason: Reason, env: Env = None, region: Region = None) -> None:
    """Send again, beginning with what has waited. Exit code 1: it was not on hold."""
    of = targets.find(env, region)
    sending = hold_of(of)
    held = sending.held()
    sending.resume(decision(of, reason))
    if held is None:
        Progress().done("sending was not on hold, as far as the ledger knows; it is enabled now", "!")
        raise typer.Exit(NO)
    Progress().done(f"sending goes on; it was on hold since {held.at}, by {held.by}: {held.reason}")


def hold_of(of: Deployed) -> SendingHold:
    """The hold of a deployment."""
    return SendingHold(
        of.aws.dynamodb,
        of.aws.client("lambda"),
        of.outputs["LedgerTableName"],
        of.outputs["SendEmailMappingId"],
    )
