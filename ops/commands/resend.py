"""The command that sends an order's email once more: `resend`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from notifications.ledger import Status
from notifications.order_event import Notification
from ops import audit, ledger_lookup, publishing, suppression, targets
from ops import resend as resends
from ops.audit import Reason
from ops.commands.options import Env, Json, Region, Yes
from ops.errors import RefusedError
from ops.files import read
from ops.output import Progress, print_json
from ops.resend import Resend
from ops.targets import Deployed


def resend(
    order_id: Annotated[str, typer.Argument(metavar="ORDER_ID", help="What the order system calls it.")],
    event: Annotated[
        str,
        typer.Option(metavar="FILE|-", help="The order event as the order system published it; - is stdin."),
    ],
    reason: Reason,
    to: Annotated[
        str | None, typer.Option(metavar="NEW", help="Another address; without, the one of the first email.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="One more, although it was resent within a day.")
    ] = False,
    yes: Yes = False,
    env: Env = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Send an order's email once more, to the same or another address.

    The same address with the same reason is the same resend, however often it is asked for. Exit code 1: it
    is refused, because the email may yet arrive, was resent before or by somebody within a day, or would be
    suppressed.
    """
    now = datetime.now(UTC)
    given = resends.read(read(event).decode(errors="replace"), now, order_id)
    of = targets.find(env, region)
    decision = audit.decision(of, reason)
    planned = _plan(of, given, to, decision.reason, now, again=again)
    if yes:
        resends.note(of.aws.dynamodb, of.outputs["LedgerTableName"], planned, decision)
        publishing.publish(of.aws.sns, of.outputs["OrderEventsTopicArn"], planned.event)
    if as_json:
        print_json(
            {
                "order_id": order_id,
                "resend_of": planned.original_key.notification,
                "notification": planned.key.notification,
                "to": planned.recipient,
                "published": yes,
            }
        )
        return
    _tell(planned, order_id, yes=yes)


def _plan(
    of: Deployed, given: Notification, to: str | None, reason: str, now: datetime, *, again: bool
) -> Resend:
    records = ledger_lookup.find_order(of.aws.dynamodb, of.outputs["LedgerTableName"], given.order_id)
    recipient = resends.recipient_of(given, records, to)
    key = ledger_lookup.recipient_key_of(of, recipient)
    planned = resends.plan(given, records, recipient, key, reason, now)
    if before := planned.done_before:
        raise RefusedError(
            f"This very resend was made before, and is {before['status']}: nothing is sent twice.",
            "`notify find` tells of it. One more on purpose needs a reason of its own.",
        )
    planned.check(now, again=again)
    if entry := suppression.look_up(of.aws.client("sesv2"), recipient):
        raise RefusedError(
            f"The address is on the account's suppression list ({entry.reason}): SES would not deliver.",
            "Ask for another address, or see `notify suppression show`.",
        )
    return planned


def _tell(planned: Resend, order_id: str, *, yes: bool) -> None:
    progress = Progress()
    if planned.original["status"] == Status.COMPLAINED:
        progress.done("the recipient reported the first email as spam: is another one really wanted?", "!")
    for one in planned.earlier:
        progress.done(f"was resent to {one['recipient']} on {one['created_at']}: {one['status']}", "!")
    what = f"the {planned.original['type']} of order {order_id} to {planned.recipient}"
    if yes:
        progress.done(f"{what} is on its way; `notify find {order_id}` tells what becomes of it")
    else:
        progress.done(f"nothing was sent; --yes sends {what}", "!")
