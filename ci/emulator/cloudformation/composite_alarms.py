"""``AWS::CloudWatch::CompositeAlarm``: MiniStack has the API, but not its resource type.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudwatch-compositealarm.html
"""

from typing import Any

from ci.emulator.cloudformation.properties import boolean, present, refuse_failure
from ci.emulator.ministack import cloudwatch, provisioners

_TYPE = "AWS::CloudWatch::CompositeAlarm"
_NAME_MAX_LENGTH = 255
_AS_THEY_ARE = ("AlarmRule", "AlarmDescription", "AlarmActions", "OKActions", "InsufficientDataActions")


def install() -> None:
    """Add the resource type: ``Ref`` is the alarm's name, ``Arn`` its only attribute."""
    provisioners._RESOURCE_HANDLERS[_TYPE] = {
        "create": _create,
        "update": _update,
        "update_with_logical_id": True,
        "delete": _delete,
    }
    provisioners._STACK_TAG_PROPERTY[_TYPE] = ("Tags", "list")


def _create(logical_id: str, properties: dict[str, Any], stack_name: str) -> tuple[str, dict[str, str]]:
    return _put(_name(properties, logical_id, stack_name), properties)


def _update(
    physical_id: str,
    old_properties: dict[str, Any],
    new_properties: dict[str, Any],
    stack_name: str,
    logical_id: str,
) -> tuple[str, dict[str, str]]:
    name = _name(new_properties, logical_id, stack_name)
    current_name = physical_id if physical_id in cloudwatch._composite_alarms else None
    replaced: tuple[str, dict[str, str]] | None = provisioners._rename_replacement(
        physical_id,
        old_properties,
        new_properties,
        stack_name,
        logical_id,
        name,
        current_name,
        _create,
        _delete,
    )
    return replaced or _put(name, new_properties)


def _delete(physical_id: str, _properties: dict[str, Any]) -> None:
    refuse_failure(_TYPE, cloudwatch._delete_alarms({}, {"AlarmNames": [physical_id]}, False, is_json=True))


def _name(properties: dict[str, Any], logical_id: str, stack_name: str) -> str:
    return properties.get("AlarmName") or str(
        provisioners._physical_name(stack_name, logical_id, max_len=_NAME_MAX_LENGTH)
    )


def _put(name: str, properties: dict[str, Any]) -> tuple[str, dict[str, str]]:
    request = {
        "AlarmName": name,
        "ActionsEnabled": boolean(properties.get("ActionsEnabled"), default=True),
        **present(properties, _AS_THEY_ARE),
    }
    refuse_failure(_TYPE, cloudwatch._put_composite_alarm({}, request, False, is_json=True))
    alarm = cloudwatch._composite_alarms[name]
    cloudwatch.cloudformation_set_metric_alarm_tags(name, properties.get("Tags") or [])
    return name, {"Arn": alarm["AlarmArn"]}
