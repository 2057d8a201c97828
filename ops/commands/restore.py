"""The command that brings a lost or damaged ledger back: `restore`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from typing import Annotated, Any

import typer

from notifications.audit import Decision
from notifications.times import iso
from ops import audit, durations, targets
from ops.audit import Reason
from ops.commands.options import NO, Env, Json, Region, Yes
from ops.dead_letters.messages import QueueName
from ops.dead_letters.queue import Queue
from ops.function_logs import FunctionLogs
from ops.function_settings import send_settings
from ops.output import Progress, answers, print_json, table
from ops.restore import rules
from ops.restore.table import Merge, Merged, SideTable
from ops.targets import Deployed, hold_of

POLL_SECONDS, EMULATOR_POLL_SECONDS = 10.0, 0.2

DONE = {
    "inserted": "put back, as they were",
    "moved_up": "moved up: the backup or the logs knew better",
    "from_logs": "put back as the logs tell, no backup has them",
    "in_doubt": "put back as in doubt: received before, and nothing tells what became of them",
    "kept": "left alone: as new as the backup, or newer",
    "left_out": "left out: expired, or the system's own",
}


def restore(
    to: Annotated[
        str, typer.Option("--to", metavar="TIME", help="With its offset, such as 2026-11-24T06:00:00Z.")
    ],
    reason: Reason,
    yes: Yes = False,
    env: Env = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Bring back what the ledger has lost since a moment, and lose nothing newer. Sending stays on hold.

    Safe to interrupt: the same command goes on. Exit code 1: some records are damaged and left as they are.
    """
    moment = durations.moment(to).replace(microsecond=0)
    of = targets.find(env, region)
    decision = audit.decision(of, reason)
    ledger_name = of.outputs["LedgerTableName"]
    side = SideTable(of.aws.dynamodb, ledger_name, moment)
    if side.status() is None:
        side.check()
    logs = FunctionLogs(of, moment)
    if not yes:
        _tell_plan(side, logs, decision.at)
        if as_json:
            print_json(_as_json(side, None))
        return
    progress = Progress()
    _hold(of, decision, progress)
    audit.record(of, "restore", decision, to=iso(moment), side_table=side.name)
    _restore(side, progress, _poll_seconds(of))
    merged = _merge(of, side, logs, decision, progress)
    side.delete()
    progress.done(f"table {side.name} deleted")
    if as_json:
        print_json(_as_json(side, merged))
    else:
        answers().print(table(rows=[(merged.counts[name], text) for name, text in DONE.items()]))
    for key in merged.damaged:
        progress.done(f"record {key} is damaged: delete it, then run the same command again", "!")
    progress.done(
        "sending stays on hold: look at some orders with `notify find`, then `notify resume`; what is in "
        "doubt waits for an event or a person: `notify status`",
        "!",
    )
    if merged.damaged:
        raise typer.Exit(NO)


def _as_json(side: SideTable, merged: Merged | None) -> dict[str, Any]:
    counts = {name: merged.counts[name] for name in DONE} if merged else None
    return {
        "side_table": side.name,
        "restored": merged is not None,
        "counts": counts,
        "damaged": merged.damaged if merged else [],
    }


def _tell_plan(side: SideTable, logs: FunctionLogs, now: datetime) -> None:
    progress = Progress()
    progress.done("sending would be held until `notify resume`")
    exists = side.status()
    progress.done(
        f"table {side.name} is there already: it would be gone on from"
        if exists
        else f"the ledger as it was would be restored to table {side.name}: minutes to an hour"
    )
    progress.done(
        "missing records would be put back, records that are behind moved up, and nothing else changed; what "
        + (
            "was sent since then is learnt from the functions' logs"
            if logs.tell(now)
            else "waited to be sent then would wait for a person, since no logs tell what became of it"
        )
    )
    progress.done("nothing was changed; --yes does it", "!")


def _hold(of: Deployed, decision: Decision, progress: Progress) -> None:
    sending = hold_of(of)
    held = Decision(decision.by, decision.at, f"restore of the ledger: {decision.reason}")
    is_new = sending.hold(held)
    functions, mapping = of.aws.client("lambda"), of.outputs["SendEmailMappingId"]
    with progress.doing("waiting for sending to stop"):
        while functions.get_event_source_mapping(UUID=mapping)["State"] != "Disabled":
            time.sleep(_poll_seconds(of))
    progress.done("sending is on hold" if is_new else "sending was on hold already")


def _restore(side: SideTable, progress: Progress, poll_seconds: float) -> None:
    if side.status() is None:
        side.begin()
        progress.done(f"restoring to table {side.name}")
    else:
        progress.done(f"going on with table {side.name}")
    with progress.doing("restoring"):
        side.wait(poll_seconds, progress.now)


def _merge(
    of: Deployed, side: SideTable, logs: FunctionLogs, decision: Decision, progress: Progress
) -> Merged:
    now = decision.at
    merge = Merge(of.aws.dynamodb, of.outputs["LedgerTableName"], now, now + logs.record_retention)
    logs_tell = logs.tell(now)
    with progress.doing("merging"):
        for page in side.pages():
            merge.restored(page, logs_tell=logs_tell)
            progress.now(f"merging: {merge.done.counts.total():,} items looked at")
        progress.now("reading the functions' logs")
        merge.logged(rules.read_logs(logs.lines()))
        merge.received(_in_doubt(of, now, progress))
    progress.done("merged")
    return merge.done


def _in_doubt(of: Deployed, now: datetime, progress: Progress) -> Iterator[dict[str, Any]]:
    """Records for orders that may have been sent; waits until what was being tried is in sight again."""
    from ops.restore import received  # noqa: PLC0415 - schemas and templates, which help does without

    held = hold_of(of).held()
    held_at = datetime.fromisoformat(held.at) if held else now
    waiting = Queue(of.aws.sqs, of.outputs, QueueName.SEND, source=True)
    while (hidden := waiting.depth()[1]) > 0:
        progress.now(f"waiting for {hidden} orders that were being tried: 15 minutes at most")
        time.sleep(_poll_seconds(of))
    progress.now("looking at the orders that wait")
    for queue, is_dead in ((waiting, False), (Queue(of.aws.sqs, of.outputs, QueueName.SEND), True)):
        with closing(queue.messages()) as messages:
            chosen = (one for one in messages if received.may_have_been_sent(one, held_at, is_dead=is_dead))
            yield from received.records(chosen, send_settings(of), now)


def _poll_seconds(of: Deployed) -> float:
    return EMULATOR_POLL_SECONDS if of.aws.is_emulator else POLL_SECONDS
