"""Messages that were not handled: look at them, redrive them, discard them."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from notifications.audit import Decision, audit_item
from ops import ledger_decisions, targets
from ops.audit import Reason, decision
from ops.commands import dlq_view as view
from ops.commands.options import NO, Env, Json, Region, Yes
from ops.dead_letters import handling
from ops.dead_letters.handling import Planned, Tally
from ops.dead_letters.judgement import FindRecord, Judge
from ops.dead_letters.messages import Message, QueueName, Selection, grouped
from ops.dead_letters.queue import Queue
from ops.errors import InputError
from ops.function_settings import send_settings
from ops.output import Progress, answers, plain, print_json, table
from ops.targets import Deployed, hold_of

NOT_DONE = 3
DISCARDS_PER_SECOND = 50
"""Discarding sends nothing: it need not be slow."""

AnyQueue = Annotated[
    QueueName | None, typer.Option("--queue", help="One of the queues; without it, all four.")
]
OneQueue = Annotated[QueueName, typer.Option("--queue", help="The queue that holds the messages.")]
Ids = Annotated[
    list[str] | None, typer.Option("--message", metavar="ID", help="This message; may be given repeatedly.")
]
WithReason = Annotated[
    str | None,
    typer.Option("--reason-is", metavar="TEXT", help="Those with this reason, as `list` shows it."),
]
Everything = Annotated[bool, typer.Option("--all", help="All messages of the queue.")]
Rate = Annotated[float, typer.Option("--rate", help="Messages a second, at most.", min=0.1, max=100)]


def _queue(of: Deployed, name: QueueName) -> Queue:
    return Queue(of.aws.sqs, of.outputs, name)


def _queues(of: Deployed, name: QueueName | None) -> list[Queue]:
    return [_queue(of, one) for one in ([name] if name else QueueName)]


def list_(queue: AnyQueue = None, env: Env = None, region: Region = None, as_json: Json = False) -> None:
    """Show why messages were not handled: by queue, reason and type, with their number and ages."""
    of = targets.find(env, region)
    queues = _queues(of, queue)
    depths = {source.name: view.Depth(*source.depth()) for source in queues}
    groups = grouped(_all_messages(queues))
    now = datetime.now(UTC)
    if as_json:
        print_json(view.groups_json(groups, depths, now))
        return
    if groups:
        answers().print(table(*view.GROUPS_HEADINGS, rows=view.groups_rows(groups, now)))
    else:
        Progress().done("no dead letters")
    for name, depth in depths.items():
        _tell_held(name, depth.held)


def show(
    queue: AnyQueue = None,
    ids: Ids = None,
    reason_is: WithReason = None,
    body: Annotated[
        bool,
        typer.Option(
            "--body",
            help="Also print, of messages given by id, the body and all attributes: they hold the customer's "
            "name and address.",
        ),
    ] = False,
    env: Env = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Show each message: why it is dead, its order's record, and what would become of it if it were redriven.

    Names and addresses are hidden. Exit code 1: there is no such message.
    """
    if body and not ids:
        raise InputError("--body shows what customers have given.", "Name the message with --message ID.")
    of = targets.find(env, region)
    selection = _selection(ids, reason_is, everything=not (ids or reason_is))
    judge_of = functools.cache(lambda queue: _redrive_judge(of, queue))
    shown = []
    for message in _all_messages(_queues(of, queue)):
        if selection.picks(message):
            planned = handling.planned_one(message, judge_of(message.queue)(message))
            shown.append(view.message_json(message, planned, with_body=body))
    if as_json:
        print_json(shown)
    for one in [] if as_json else shown:
        answers().print(table(rows=view.message_rows(one)))
    if not shown:
        Progress().done("there is no such dead letter; `notify dlq list` shows what there is", "!")
        raise typer.Exit(NO)


def redrive(
    reason: Reason,
    queue: OneQueue = QueueName.SEND,
    ids: Ids = None,
    reason_is: WithReason = None,
    everything: Everything = False,
    rate: Rate = 5,
    yes: Yes = False,
    env: Env = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Put messages back into the queue in which they are handled, after showing what would become of each.

    What was sent already is deleted as done, what would be refused again stays. It may be interrupted at any
    point and run again. Exit code 1: nothing fits; 3: it was interrupted, or not all were found again.
    """
    selection = _demanded(ids, reason_is, everything=everything)
    of = targets.find(env, region)
    made = decision(of, reason)
    source, judge, progress = _queue(of, queue), _redrive_judge(of, queue), Progress()
    planned = _plan(source, selection, judge, progress, yes=yes, as_json=as_json)
    if queue.has_orders and (held := hold_of(of).held()):
        progress.done(f"sending is on hold ({held.reason}): orders wait for `notify resume`", "!")
    tally = None
    if yes and planned:
        item = audit_item(
            "dlq redrive", made, queue=queue, selection=str(selection), planned=str(len(planned))
        )
        _put(of, item)
        tally = handling.carry_out(source, planned, judge, handling.redriving(source), rate, progress)
        _put(of, item | {"outcome": {"S": view.tally_text(tally)}})
    _conclude(planned, tally, queue, as_json=as_json)


def discard(
    reason: Reason,
    queue: OneQueue = QueueName.SEND,
    ids: Ids = None,
    reason_is: WithReason = None,
    everything: Everything = False,
    yes: Yes = False,
    env: Env = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Delete messages for good and mark their notifications ABANDONED: no later copy of them is sent.

    What was sent keeps its record, what may be under way is left. SES's events are recorded before they are
    deleted. Exit code 1: nothing fits; 3: it was interrupted, or not all messages were found again.
    """
    selection = _demanded(ids, reason_is, everything=everything)
    of = targets.find(env, region)
    made = decision(of, reason)
    source, judge, progress = (
        _queue(of, queue),
        _discard_judge(of, queue, made),
        Progress(),
    )
    planned = _plan(source, selection, judge, progress, yes=yes, as_json=as_json)
    tally = None
    if yes and planned:
        act = handling.discarding(source, of, made)
        tally = handling.carry_out(source, planned, judge, act, DISCARDS_PER_SECOND, progress)
    _conclude(planned, tally, queue, as_json=as_json)


def _all_messages(queues: list[Queue]) -> Iterator[Message]:
    progress = Progress()
    for source in queues:
        with closing(handling.look_through(source, progress)) as messages:
            yield from messages


def _selection(ids: list[str] | None, reason: str | None, *, everything: bool) -> Selection:
    return Selection(frozenset(ids or ()), reason, everything)


def _demanded(ids: list[str] | None, reason: str | None, *, everything: bool) -> Selection:
    selection = _selection(ids, reason, everything=everything)
    if not selection:
        raise InputError(
            "No messages are selected.",
            "Add --message ID, --reason-is TEXT or --all; see `notify dlq list`.",
        )
    if everything and (ids or reason):
        raise InputError("--all goes with no other selection.", "Leave it out, or the others.")
    return selection


def _redrive_judge(of: Deployed, queue: QueueName) -> Judge:
    from ops.dead_letters import judging  # noqa: PLC0415 - schemas and templates, which `list` does without

    if queue.has_orders:
        return judging.OrderRedrive(judging.OrderReader(), send_settings(of), _finder(of), _now)
    return judging.FeedbackRedrive(_finder(of), _now)


def _discard_judge(of: Deployed, queue: QueueName, made: Decision) -> Judge:
    from ops.dead_letters import judging  # noqa: PLC0415

    if queue.has_orders:
        return judging.OrderDiscard(judging.OrderReader(), send_settings(of), _finder(of), _now, made.reason)
    return judging.FeedbackDiscard(_finder(of), _now)


def _finder(of: Deployed) -> FindRecord:
    return lambda key: ledger_decisions.find(of.aws.dynamodb, of.outputs["LedgerTableName"], key)


def _now() -> datetime:
    return datetime.now(UTC)


def _put(of: Deployed, item: dict[str, Any]) -> None:
    of.aws.dynamodb.put_item(TableName=of.outputs["LedgerTableName"], Item=item)


def _plan(
    source: Queue, selection: Selection, judge: Judge, progress: Progress, *, yes: bool, as_json: bool
) -> list[Planned]:
    """Show what would become of each message."""
    _, held = source.depth()
    planned = handling.plan(source, selection, judge, progress)
    _tell_held(source.name, held)
    for missing in sorted(selection.ids - {one.id for one in planned}):
        progress.done(f"message {missing} is not there, or does not fit", "!")
    if not as_json and planned:
        if not yes:
            answers().print(table(*view.PLAN_HEADINGS, rows=view.planned_rows(planned)), "")
            if len(planned) > view.ROWS:
                Progress().done(f"… and {len(planned) - view.ROWS} more; --json lists all", "!")
        answers().print(table("Count", "Verdict", rows=view.judgement_rows(planned)))
    return planned


def _conclude(planned: list[Planned], tally: Tally | None, queue: QueueName, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "queue": queue,
                "dry_run": tally is None,
                "messages": [view.planned_json(one) for one in planned],
                "done": view.tally_json(tally),
            }
        )
    progress = Progress()
    if not planned:
        progress.done("no message fits; `notify dlq list` shows what there is", "!")
        raise typer.Exit(NO)
    if tally is None:
        progress.done("nothing was changed; --yes does it", "!")
        return
    if tally.interrupted or tally.failure:
        progress.done(
            f"stopped after {tally.handled} of {len(planned)}: {view.tally_text(tally)}. Nothing is lost: "
            "run it again to go on",
            "✗",
        )
        raise tally.failure or typer.Exit(NOT_DONE)
    if not as_json:
        answers().print(plain(f"{view.tally_text(tally)}"), soft_wrap=True)
    if tally.remaining:
        progress.done(
            f"{len(tally.remaining)} were not found again: somebody else is looking at them, or has removed "
            "them. Run it again in a few minutes",
            "!",
        )
        raise typer.Exit(NOT_DONE)


def _tell_held(queue: QueueName, held: int) -> None:
    if held:
        Progress().done(
            f"{queue}: {held} more are out of sight, held by somebody who is looking or by a look that was "
            "killed: they come back within minutes",
            "!",
        )
