"""Faults inside AWS: where no call from outside passes, MiniStack's own steps ask the plan."""

from __future__ import annotations

import contextvars
import threading
from typing import Any

from ci.emulator.faults import plan
from ci.emulator.ministack import lambda_svc, sns, sqs

_batch_function: contextvars.ContextVar[str] = contextvars.ContextVar("batch_function", default="")


def install() -> None:
    """Ask the plan before a function runs, before its batch is deleted and before SNS delivers to a queue."""
    _hook_runs()
    _hook_deletions()
    _hook_deliveries()


def _hook_runs() -> None:
    plain_run = lambda_svc._execute_function_dispatch

    def run(func: dict[str, Any], config: dict[str, Any], *arguments: Any) -> dict[str, Any]:
        hit = plan.decide("lambda:RunFunction", config["FunctionName"], "")
        if hit is None or hit.fault.phase == "after":
            result: dict[str, Any] = plain_run(func, config, *arguments)
        if hit is None:
            return result
        failure = {"errorType": "Runtime.ExitError", "errorMessage": "RequestId: fault Error: Runtime exited"}
        return {"body": failure, "error": True, "log": ""}

    lambda_svc._execute_function_dispatch = run


def _hook_deletions() -> None:
    plain_batch = lambda_svc._run_sqs_batch
    plain_delete = sqs._delete_messages_for_esm

    def run_batch(esm: dict[str, Any], func_rec: dict[str, Any], *arguments: Any) -> None:
        token = _batch_function.set(func_rec["config"]["FunctionName"])
        try:
            plain_batch(esm, func_rec, *arguments)
        finally:
            _batch_function.reset(token)

    def delete(queue_url: str, receipt_handles: set[str]) -> None:
        # Lost: the function has finished its batch, but the queue never hears of it.
        if plan.decide("lambda:DeleteBatch", _batch_function.get(), queue_url) is None:
            plain_delete(queue_url, receipt_handles)

    lambda_svc._run_sqs_batch = run_batch
    sqs._delete_messages_for_esm = delete


def _hook_deliveries() -> None:
    plain_deliver = sns._deliver_to_sqs

    def deliver(endpoint: str, envelope: str, raw: bool, raw_message: str, **more: Any) -> None:
        def deliver_now() -> None:
            plain_deliver(endpoint, envelope, raw, raw_message, **more)

        hit = plan.decide("sns:DeliverToQueue", "", f"{endpoint} {raw_message}")
        if hit and hit.fault.effect in ("delay", "duplicate"):
            later = threading.Timer(hit.seconds, contextvars.copy_context().run, [deliver_now])
            later.daemon = True
            later.start()
        if hit is None or hit.fault.effect == "duplicate":
            deliver_now()

    sns._deliver_to_sqs = deliver
