"""Gap: what EventBridge Scheduler hands to a target, and how soon.

MiniStack hands over a target's Input as it is, knows no universal targets, and looks for due schedules every
10 s. Here the context attributes in an Input have their values, a universal target calls its API operation,
and a schedule starts within a second. AWS/Scheduler counts what was started.

Sources:
https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html
https://docs.aws.amazon.com/scheduler/latest/UserGuide/monitoring-cloudwatch.html
"""

import json
import os
import re
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from botocore import xform_name
from botocore.session import get_session

from ci.emulator.cloudwatch import store
from ci.emulator.cloudwatch.metrics import Metric
from ci.emulator.ministack import eventbridge, responses, scheduler

_LOOK_INTERVAL_SECONDS = 1
_SCHEDULER_SOURCE = "aws.scheduler"
_UNIVERSAL_TARGET = re.compile(r"arn:aws[\w-]*:scheduler:::aws-sdk:(?P<service>[a-z0-9]+):(?P<operation>\w+)")


def install() -> None:
    """Prepare each invocation of a schedule's target; targets of EventBridge's rules stay as they are."""
    invoke_target: Callable[..., None] = eventbridge._invoke_target

    def invoke(target: Mapping[str, Any], event: Mapping[str, Any], rule: Any, view: Any = None) -> None:
        if event.get("Source") == _SCHEDULER_SOURCE:
            _count_attempt(event)
            target = {**target, "Input": _with_context(target.get("Input") or "{}", event)}
            universal = _UNIVERSAL_TARGET.fullmatch(target["Arn"])
            if universal:
                _call(universal["service"], universal["operation"], json.loads(target["Input"]))
                return
        invoke_target(target, event, rule, view)

    eventbridge._invoke_target = invoke
    scheduler._SCHEDULE_TICK_INTERVAL = _LOOK_INTERVAL_SECONDS


def _count_attempt(event: Mapping[str, Any]) -> None:
    group = event["Resources"][0].split("/")[1]
    metric = Metric("AWS/Scheduler", "InvocationAttemptCount", frozenset({("ScheduleGroup", group)}))
    store.record(metric, event["Time"], [1], "Count")


def _with_context(text: str, event: Mapping[str, Any]) -> str:
    """Replace the context attributes; an invocation is never repeated here, so its attempt is the first."""
    scheduled_at = datetime.fromtimestamp(event["Time"], UTC)
    context = {
        "schedule-arn": event["Resources"][0],
        "scheduled-time": scheduled_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "execution-id": secrets.token_hex(8),
        "attempt-number": "1",
    }
    for name, value in context.items():
        text = text.replace(f"<aws.scheduler.{name}>", value)
    return text


def _call(service: str, operation: str, parameters: dict[str, Any]) -> None:
    """Call an operation of the emulator itself, such as ``sns`` and ``publish``."""
    client = get_session().create_client(
        service, region_name=responses.get_region(), endpoint_url=os.environ["AWS_ENDPOINT_URL"]
    )
    getattr(client, xform_name(operation))(**parameters)
