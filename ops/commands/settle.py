"""The command by which a person settles attempts of which nobody knows whether SES took them: `settle`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from notifications.evidence import Doubt, SettlingRules
from notifications.keys import NotificationKey
from notifications.ledger import Choice, Record
from notifications.times import iso
from ops import audit, durations, ledger_decisions, ledger_view, settling, targets
from ops.commands.options import NO, Env, Json, Region, Yes
from ops.dead_letters.messages import QueueName
from ops.dead_letters.queue import Queue
from ops.errors import InputError
from ops.function_logs import FunctionLogs
from ops.function_settings import send_settings
from ops.output import Progress, answers, plain, print_json, table
from ops.settling import InDoubt, Settled
from ops.targets import Deployed

NOT_DONE = 3
HEADINGS = ("Order", "Email", "Attempt", "Claimed", "In doubt", "Known of it", "Around it")


def settle(
    order_id: Annotated[
        str | None, typer.Argument(metavar="ORDER_ID", help="What the order system calls it.")
    ] = None,
    between: Annotated[
        tuple[str, str] | None,
        typer.Option(
            "--between",
            metavar="FROM TO",
            help="All claimed in that time instead; with their offsets, such as 2026-11-24T06:00:00Z.",
        ),
    ] = None,
    sent: Annotated[bool, typer.Option("--sent", help="SES has it: record it as sent.")] = False,
    send_again: Annotated[
        bool, typer.Option("--send-again", help="SES does not have it: send it, however old the order is.")
    ] = False,
    give_up: Annotated[
        bool, typer.Option("--give-up", help="Whether SES has it or not: send it no more.")
    ] = False,
    reason: Annotated[
        str, typer.Option("--reason", help="Why, for whoever looks later; nothing of a customer's.")
    ] = "",
    yes: Yes = False,
    env: Env = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Settle emails of which nobody knows whether SES took them, after showing what speaks for it.

    Without a choice it only shows. What is decided holds for the attempts as they are shown; an event of SES
    that comes first wins. Exit code 1: nothing is in doubt, or not yet; 3: it was interrupted.
    """
    if (order_id is None) == (between is None):
        raise InputError("It takes either ORDER_ID or --between.", "For example `notify settle A-1001`.")
    choices = {Choice.SENT: sent, Choice.SEND_AGAIN: send_again, Choice.GIVE_UP: give_up}
    chosen = [choice for choice, is_chosen in choices.items() if is_chosen]
    if len(chosen) > 1:
        raise InputError("It takes one choice.", "Give --sent, --send-again or --give-up.")
    times = [durations.moment(text) for text in between or ()]
    of = targets.find(env, region)
    made = audit.decision(of, reason) if chosen else None
    rules, progress = send_settings(of).settling, Progress()
    in_doubt = _look(of, order_id, times, rules, made.at if made else datetime.now(UTC))
    if not in_doubt:
        if as_json:
            print_json(_as_json(in_doubt, None))
        progress.done("nothing of that time is in doubt", "!")
        raise typer.Exit(NO)
    if not as_json:
        answers().print(table(*HEADINGS, rows=[_row(one) for one in in_doubt]))
        _tell(of, in_doubt, rules, progress)
    settled = None
    if made and yes:
        settled = settling.settle(of, in_doubt, chosen[0], made, rules, progress)
        if chosen[0] is Choice.SEND_AGAIN and not settled.is_stopped:
            _redrive(of, settled, progress)
    if as_json:
        print_json(_as_json(in_doubt, settled))
    _conclude(in_doubt, settled, chosen, as_json=as_json)


def _look(
    of: Deployed,
    order_id: str | None,
    times: list[datetime],
    rules: SettlingRules,
    now: datetime,
) -> list[InDoubt]:
    with Progress().doing("looking for what is known"):
        if order_id is None:
            in_doubt = settling.between(of, times[0], times[1], rules, now)
        else:
            in_doubt = settling.of_order(of, order_id, rules, now)
        if not in_doubt:
            return []
        window = timedelta(milliseconds=rules.settle_window_ms)
        logs = FunctionLogs(of, in_doubt[0].claimed_at - window, in_doubt[-1].send_by + window)
        return settling.with_evidence(of, in_doubt, logs.lines(), rules)


def _redrive(of: Deployed, settled: Settled, progress: Progress) -> None:
    from ops.dead_letters import judging  # noqa: PLC0415 - schemas and templates, which looking does without

    def find(key: NotificationKey) -> Record | None:
        return ledger_decisions.find(of.aws.dynamodb, of.outputs["LedgerTableName"], key)

    judge = judging.OrderRedrive(judging.OrderReader(), send_settings(of), find, lambda: datetime.now(UTC))
    settling.redrive(Queue(of.aws.sqs, of.outputs, QueueName.SEND), judge, settled, progress)


def _tell(of: Deployed, in_doubt: Sequence[InDoubt], rules: SettlingRules, progress: Progress) -> None:
    """What else speaks for either."""
    accepted = sum(bool(one.message_id) for one in in_doubt)
    if accepted:
        progress.done(f"SES has accepted {accepted} of these {len(in_doubt)}, as the log says: --sent", "!")
    vdm = of.aws.client("sesv2").get_account().get("VdmAttributes", {})
    if vdm.get("VdmEnabled") == "ENABLED":
        progress.done(f"SES says what became of them: {settling.export_command(in_doubt, rules)}", "→")
    else:
        progress.done(
            "SES cannot say what became of them: its Virtual Deliverability Manager is off, which would know "
            "each message by its destination",
            "!",
        )


def _conclude(
    in_doubt: Sequence[InDoubt], settled: Settled | None, chosen: list[Choice], *, as_json: bool
) -> None:
    progress = Progress()
    if settled is None:
        choose = "--yes does it" if chosen else "choose --sent, --send-again or --give-up, with --reason"
        progress.done(f"nothing was changed; {choose}", "!")
        return
    if not as_json:
        rows = [
            (one.record.get("order_id", str(one.key)), settled.became[one.key][1])
            for one in in_doubt
            if one.key in settled.became
        ]
        answers().print(table("Order", "What came of it", rows=rows))
        counts = Counter(became for became, _ in settled.became.values())
        summary = ", ".join(f"{count} {became.replace('_', ' ')}" for became, count in counts.most_common())
        answers().print(plain(summary or "nothing done"), soft_wrap=True)
    if settled.is_stopped:
        progress.done(
            f"stopped after {len(settled.became)} of {len(in_doubt)}: the same command goes on", "✗"
        )
        raise settled.failure or typer.Exit(NOT_DONE)


def _doubt(one: InDoubt) -> str:
    if one.record.get("decision"):
        return f"to be sent again, decided at {one.record['decided_at']}"
    reason = one.record.get("reason")
    doubt = ledger_view.doubt(one.record)
    return f"{doubt}: {reason}" if reason and doubt is Doubt.ANSWERED else doubt


def _events(one: InDoubt) -> list[str]:
    return [
        f"{event['event']} of attempt {event.get('attempt')}" for event in ledger_view.history(one.record)
    ]


def _around(one: InDoubt) -> str:
    return (
        f"{one.accepted_around} accepted, {one.silent_around} of them without an event; "
        f"{one.in_doubt_around} in doubt"
    )


def _row(one: InDoubt) -> tuple[object, ...]:
    record = one.record
    return (
        record.get("order_id", str(one.key)),
        record["type"],
        record["attempt"],
        iso(one.claimed_at),
        _doubt(one),
        "; ".join([*_events(one), *one.said]) or "no event, and no line in the log",
        _around(one),
    )


def _as_json(in_doubt: Sequence[InDoubt], settled: Settled | None) -> dict[str, Any]:
    return {
        "dry_run": settled is None,
        "interrupted": bool(settled and settled.is_stopped),
        "attempts": [
            {
                "order_id": one.record.get("order_id"),
                "order_key": one.key.order_key,
                "notification": one.key.notification,
                "attempt": one.record["attempt"],
                "claimed_at": iso(one.claimed_at),
                "send_by": iso(one.send_by),
                "doubt": ledger_view.doubt(one.record),
                "decision": one.record.get("decision"),
                "events": _events(one),
                "log": list(one.said),
                "message_id": one.message_id or None,
                "accepted_around": one.accepted_around,
                "silent_around": one.silent_around,
                "in_doubt_around": one.in_doubt_around,
                "became": settled.became.get(one.key, (None, None))[0] if settled else None,
                "text": settled.became.get(one.key, (None, None))[1] if settled else None,
            }
            for one in in_doubt
        ],
    }
