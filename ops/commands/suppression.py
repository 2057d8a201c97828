"""The account's list of addresses to which SES sends nothing."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from notifications.times import iso
from ops import audit, ledger_lookup, ledger_view, suppression, targets
from ops.audit import Reason
from ops.commands.options import NO, Env, Json, Region, Yes
from ops.errors import RefusedError
from ops.output import Progress, answers, print_json, table
from ops.suppression import Suppressed
from ops.targets import Deployed

Address = Annotated[str, typer.Argument(metavar="ADDRESS", help="The customer's address.")]


def show(address: Address, env: Env = None, region: Region = None, as_json: Json = False) -> None:
    """Tell whether SES holds emails to an address back, why, and which orders that concerns.

    Exit code 1: the address is not on the account's list.
    """
    of = targets.find(env, region)
    entry = suppression.look_up(of.aws.client("sesv2"), address)
    orders = [ledger_view.as_json(record) for record in _orders(of, address)]
    if as_json:
        print_json({"address": address, "suppressed": _as_json(entry), "orders": orders})
    else:
        _show(entry, orders)
    if entry is None:
        raise typer.Exit(NO)


def remove(
    address: Address,
    reason: Reason,
    complaint: Annotated[
        bool, typer.Option("--complaint", help="The recipient, who called an email spam, has asked for mail.")
    ] = False,
    yes: Yes = False,
    env: Env = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Take an address off the account's suppression list. Exit code 1: it is not on it, or is to stay."""
    of = targets.find(env, region)
    ses, decision = of.aws.client("sesv2"), audit.decision(of, reason)
    entry = suppression.look_up(ses, address)
    if entry is None:
        raise RefusedError(
            "The address is not on the account's list.",
            "There is nothing to remove: see `notify find --email`.",
        )
    if entry.reason == suppression.COMPLAINT and not complaint:
        raise RefusedError(
            "The recipient has reported an email as spam: another one harms the account's reputation.",
            "Leave the address on the list. Only if the recipient asks for mail, add --complaint.",
        )
    if yes:
        key = ledger_lookup.recipient_key_of(of, address)
        audit.record(of, "suppression remove", decision, address_key=key, suppressed_for=entry.reason)
        suppression.remove(ses, entry)
    if as_json:
        print_json({"address": address, "suppressed": _as_json(entry), "removed": yes})
    elif yes:
        Progress().done("the address is off the list; the next bounce or complaint puts it back")
    else:
        _show(entry, [ledger_view.as_json(record) for record in _orders(of, address)])
        Progress().done("nothing was changed; --yes takes the address off the list", "!")


def _orders(of: Deployed, address: str) -> list[dict[str, Any]]:
    key = ledger_lookup.recipient_key_of(of, address)
    return ledger_lookup.find_recipient(of.aws.dynamodb, of.outputs["LedgerTableName"], key)


def _as_json(entry: Suppressed | None) -> dict[str, Any] | None:
    if entry is None:
        return None
    return {"reason": entry.reason, "since": iso(entry.since), "message_id": entry.message_id}


def _show(entry: Suppressed | None, orders: list[dict[str, Any]]) -> None:
    if entry is None:
        Progress().done(
            "the address is not on the account's list; SES's global list, which nobody can read, may have it",
            "!",
        )
    else:
        facts = {
            "reason": entry.reason,
            "since": iso(entry.since),
            "message id": entry.message_id or "none: a person put it there",
        }
        answers().print(table(rows=list(facts.items())))
    if orders:
        rows = [(one["order_id"], one["type"], one["status"], one["created_at"]) for one in orders]
        answers().print(table("Order", "Email", "Status", "Received", rows=rows))
