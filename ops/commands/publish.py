"""The command that puts order events on the topic: `publish`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from ops import publishing, targets
from ops.commands.options import Env, Json, Region
from ops.files import read
from ops.output import answers, plain, print_json


def publish(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE|-", help="Order events: a JSON object, an array, or one object a line; - is stdin."
        ),
    ],
    now: Annotated[
        bool, typer.Option("--now", help="As if it occurred now: for a sample, which is too old to be sent.")
    ] = False,
    env: Env = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Put order events on the topic, as an order system does."""
    events = publishing.parse_events(read(file))
    if now:
        events = [publishing.as_of(event, datetime.now(UTC)) for event in events]
    to = targets.find(env, region)
    published = [publishing.publish(to.aws.sns, to.outputs["OrderEventsTopicArn"], event) for event in events]
    if as_json:
        print_json([{"message_id": done.message_id, "order_id": done.order_id} for done in published])
        return
    for done in published:
        answers().print(
            plain(f"{done.order_id or '(no order id)'}  message {done.message_id}"), soft_wrap=True
        )
