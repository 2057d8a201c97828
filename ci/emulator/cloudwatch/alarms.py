"""Gap: alarms are evaluated once a minute, as AWS evaluates them, and notify as AWS does.

MiniStack evaluates a metric alarm when a metric is put, on whatever data it has; it knows no missing data, no
M of N and no metric math. Here all alarms are evaluated when a minute ends, or at once at a given time by
``POST /_emulator/cloudwatch/evaluate``. Composite alarms stay MiniStack's: they follow their children.

Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
"""

import json
import logging
import threading
import time
from collections.abc import Mapping
from typing import Any

from ci.emulator.cloudwatch import alarm_evaluation, alarm_notifications, sampling
from ci.emulator.cloudwatch.alarm_notifications import Transition
from ci.emulator.cloudwatch.store import StoredMetrics
from ci.emulator.control_api import BadControlRequestError, route
from ci.emulator.ministack import cloudwatch, lambda_svc, responses, sns
from ci.emulator.resource_policies import lets_service, lets_service_use_key

logger = logging.getLogger(__name__)

_CLOUDWATCH = "cloudwatch.amazonaws.com"
_LAMBDA_ACTIONS = "lambda.alarms.cloudwatch.amazonaws.com"
_EVALUATION_INTERVAL_SECONDS = 60
_ACTIONS_ON = {
    "ALARM": "AlarmActions",
    "OK": "OKActions",
    "INSUFFICIENT_DATA": "InsufficientDataActions",
}

_evaluating = threading.Lock()
# The clock never runs backwards by itself: after an evaluation "in an hour", the next minute changes nothing.
_latest_evaluation_at = 0.0


def install() -> None:
    """Take over evaluation and notification, and evaluate when each minute ends."""
    cloudwatch._evaluate_alarm = _leave_to_the_clock
    cloudwatch._evaluate_all_alarms = _leave_to_the_clock
    cloudwatch._dispatch_alarm_actions = _dispatch_actions
    route("POST", "/cloudwatch/evaluate", _answer_evaluate)
    threading.Thread(target=_evaluate_every_minute, daemon=True, name="alarm-clock").start()


def evaluate_all(at: float | None = None) -> list[Transition]:
    """Evaluate every metric alarm of every account and region; composite alarms follow.

    Parameters
    ----------
    at
        Epoch seconds; by default now, or the time of the latest evaluation if that was later.

    Returns
    -------
    What changed among metric alarms.
    """
    global _latest_evaluation_at  # noqa: PLW0603 - one clock per process
    with _evaluating:
        moment = max(time.time(), _latest_evaluation_at) if at is None else at
        _latest_evaluation_at = moment
        # In the last second of the minute that has just ended.
        sampling.sample(int(moment) // 60 * 60 - 1)
        transitions = []
        for account, region in sorted({key[:2] for key, _ in cloudwatch._alarms.all_items()}):
            with responses.request_scope(account, region):
                transitions += [t for alarm in cloudwatch._alarms.values() if (t := _evaluate(alarm, moment))]
        return transitions


def _evaluate(alarm: dict[str, Any], at: float) -> Transition | None:
    try:
        evaluation = alarm_evaluation.evaluate(alarm, StoredMetrics(), at, alarm["StateValue"])
    except ValueError as error:
        logger.warning("The alarm %s cannot be evaluated: %s", alarm["AlarmName"], error)
        return None
    if evaluation.state == alarm["StateValue"]:
        return None
    transition = Transition(
        alarm,
        alarm["StateValue"],
        evaluation.state,
        evaluation.reason,
        at,
        alarm.get("StateReason", ""),
        alarm.get("StateUpdatedTimestamp", 0),
    )
    alarm["StateValue"], alarm["StateReason"] = evaluation.state, evaluation.reason
    alarm["StateUpdatedTimestamp"] = alarm["StateTransitionedTimestamp"] = int(at)
    cloudwatch._record_history(
        alarm["AlarmName"], transition.old_state, transition.new_state, transition.reason
    )
    _publish(transition)
    cloudwatch._evaluate_parent_alarms(alarm)
    return transition


def _dispatch_actions(alarm: dict[str, Any], old_state: str, new_state: str, reason: str) -> None:
    """Notify of a change that MiniStack made: a composite alarm's, or one by SetAlarmState."""
    at = max(time.time(), _latest_evaluation_at)
    _publish(Transition(alarm, old_state, new_state, reason, at))


def _publish(transition: Transition) -> None:
    """Take the actions: a message to each SNS topic, an event to each Lambda function."""
    alarm = transition.alarm
    if not alarm.get("ActionsEnabled", True):
        return
    for action in alarm.get(_ACTIONS_ON[transition.new_state]) or []:
        if action.split(":")[2] == "lambda":
            _invoke(action, transition)
        elif _may_publish(action, alarm["AlarmArn"]):
            _notify(action, transition)
        else:
            logger.warning("The alarm %s may not publish to %s", alarm["AlarmName"], action)


def _notify(topic_arn: str, transition: Transition) -> None:
    account, region = responses.get_account_id(), responses.get_region()
    children = _triggering_children(transition.alarm)
    content = alarm_notifications.message(transition, account, region, children)
    sns._fanout(
        topic_arn, responses.new_uuid(), json.dumps(content), alarm_notifications.subject(transition, region)
    )


def _invoke(function_arn: str, transition: Transition) -> None:
    """Invoke a function asynchronously, if it is there and its policy lets this alarm."""
    alarm = transition.alarm
    function, configuration, _name = lambda_svc._get_func_record_for_ref(function_arn)
    if not function or not lets_service(
        json.dumps(function["policy"]),
        _LAMBDA_ACTIONS,
        "lambda:InvokeFunction",
        function_arn,
        alarm["AlarmArn"],
    ):
        logger.warning("The alarm %s may not invoke %s", alarm["AlarmName"], function_arn)
        return
    event = alarm_notifications.function_event(transition, responses.get_account_id(), responses.get_region())
    record = lambda_svc._execution_record_for_config(function, configuration)
    lambda_svc.invoke_async_with_retry(record, event)


def _may_publish(topic_arn: str, alarm_arn: str) -> bool:
    """Decide by the policies of the topic and of its key."""
    topic = sns._topic_by_arn_any_scope(topic_arn)
    if topic is None:
        return False
    attributes = topic["attributes"]
    return lets_service(
        attributes.get("Policy"), _CLOUDWATCH, "sns:Publish", topic_arn, alarm_arn
    ) and lets_service_use_key(attributes.get("KmsMasterKeyId"), _CLOUDWATCH, alarm_arn)


def _triggering_children(alarm: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    if "AlarmRule" not in alarm:
        return []
    triggering = json.loads(alarm.get("StateReasonData") or "{}").get("triggeringAlarms", [])
    arns = {child["arn"] for child in triggering}
    known = [*cloudwatch._alarms.values(), *cloudwatch._composite_alarms.values()]
    return [child for child in known if child["AlarmArn"] in arns]


def _answer_evaluate(body: dict[str, Any] | None) -> dict[str, Any]:
    at = (body or {}).get("at")
    if at is not None and not isinstance(at, int | float):
        raise BadControlRequestError(f"`at` must be epoch seconds, not {at!r}")
    transitions = evaluate_all(at)
    return {
        "at": _latest_evaluation_at,
        "transitions": [
            {"alarm": t.alarm["AlarmName"], "from": t.old_state, "to": t.new_state, "reason": t.reason}
            for t in transitions
        ],
    }


def _evaluate_every_minute() -> None:
    while True:
        time.sleep(_EVALUATION_INTERVAL_SECONDS - time.time() % _EVALUATION_INTERVAL_SECONDS)
        try:
            evaluate_all()
        except Exception:
            # The clock must go on; what went wrong is in the log.
            logger.exception("The alarms could not be evaluated")


def _leave_to_the_clock(*_arguments: object) -> None:
    """Stand in for MiniStack's evaluation upon PutMetricData and PutMetricAlarm."""
