"""Gap: ``StartMessageMoveTask`` and ``ListMessageMoveTasks``, which move dead letters back.

A task has ended when its start is answered. As on AWS, the source must be the dead-letter queue of a queue,
not of an SNS subscription alone; moved messages are new ones; and a message that was sent to the source
directly cannot go back to "its" queue: it needs an explicit destination.

Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html
"""

import json
import time
from typing import Any

from ministack.core.responses import AccountRegionScopedDict, new_uuid
from ministack.services import sqs

_UNKNOWN_SOURCE = "CouldNotDetermineMessageSource"

Queue = dict[str, Any]
Message = dict[str, Any]
# By the ARN of the source queue, newest first.
_tasks = AccountRegionScopedDict()


def install() -> None:
    """Add the two actions."""
    sqs._HANDLERS["StartMessageMoveTask"] = _start
    sqs._HANDLERS["ListMessageMoveTasks"] = _list


def _start(request: dict[str, Any], _queue_url: str) -> dict[str, Any]:
    source = _existing_queue(request["SourceArn"], "SourceArn")
    if not _is_dead_letter_queue(request["SourceArn"]):
        raise sqs._Err("InvalidParameterValue", "Source queue must be configured as a Dead Letter Queue.")
    destination_arn = request.get("DestinationArn")
    if destination_arn:
        _existing_queue(destination_arn, "DestinationArn")
    task = {
        "TaskHandle": new_uuid(),
        "SourceArn": request["SourceArn"],
        "StartedTimestamp": int(time.time() * 1000),
        **{
            name: request[name]
            for name in ("DestinationArn", "MaxNumberOfMessagesPerSecond")
            if request.get(name)
        },
        **_move_all(source, destination_arn),
    }
    _tasks[request["SourceArn"]] = [task, *_tasks.get(request["SourceArn"], [])]
    return {"TaskHandle": task["TaskHandle"]}


def _list(request: dict[str, Any], _queue_url: str) -> dict[str, Any]:
    _existing_queue(request["SourceArn"], "SourceArn")
    results = _tasks.get(request["SourceArn"], [])[: int(request.get("MaxResults") or 1)]
    # Only a running task has a handle to cancel it with.
    return {"Results": [{key: task[key] for key in task if key != "TaskHandle"} for task in results]}


def _move_all(source: Queue, destination_arn: str | None) -> dict[str, Any]:
    """Move the visible messages, up to the first that has nowhere to go; returns the task's outcome."""
    waiting = [message for message in source["messages"] if message["visible_at"] <= time.time()]
    outcome: dict[str, Any] = {"ApproximateNumberOfMessagesToMove": len(waiting), "Status": "COMPLETED"}
    moved = 0
    for message in waiting:
        arn = destination_arn or message["sys"].get("DeadLetterQueueSourceArn")
        destination = sqs._queue_by_arn(arn) if arn else None
        if destination is None:
            outcome |= {"Status": "FAILED", "FailureReason": _UNKNOWN_SOURCE}
            break
        source["messages"].remove(message)
        destination["messages"].append(_as_new(message))
        moved += 1
    sqs.esm_wake.set()
    return outcome | {"ApproximateNumberOfMessagesMoved": moved}


def _as_new(message: Message) -> Message:
    """Return a copy with a new id and age, that was never received."""
    now = time.time()
    kept = {key: message[key] for key in ("body", "md5_body", "message_attributes", "md5_attrs")}
    fresh: Message = {**kept, "id": new_uuid(), "sent_at": now, "visible_at": now}
    sqs._ensure_msg_fields(fresh)
    return fresh


def _existing_queue(arn: str, parameter: str) -> Queue:
    queue: Queue | None = sqs._queue_by_arn(arn)
    if queue is None:
        raise sqs._Err(
            "ResourceNotFoundException",
            f"The resource that you specified for the {parameter} parameter doesn't exist.",
        )
    return queue


def _is_dead_letter_queue(arn: str) -> bool:
    policies = (queue["attributes"].get("RedrivePolicy") or "{}" for queue in sqs._queues.values())
    return any(json.loads(policy).get("deadLetterTargetArn") == arn for policy in policies)
