"""``AWS::CloudWatch::CompositeAlarm``: MiniStack has the API, but not its resource type.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudwatch-compositealarm.html
"""

from typing import Any

from ci.emulator.cloudformation.properties import boolean, present, refuse_failure
from ci.emulator.cloudformation.provisioning import renames_replace
from ci.emulator.ministack import cloudwatch, provisioners

_TYPE = "AWS::CloudWatch::CompositeAlarm"
_NAME_MAX_LENGTH = 255
_AS_THEY_ARE = ("AlarmRule", "AlarmDescription", "AlarmActions", "OKActions", "InsufficientDataActions")


def install() -> None:
    """Add the resource type: ``Ref`` is the alarm's name, ``Arn`` its only attribute."""
    provisioners._RESOURCE_HANDLERS[_TYPE] = renames_replace(
        _create,
        lambda name, _, properties: _put(name, properties),
        _delete,
        name=_name,
        exists=lambda name: name in cloudwatch._composite_alarms,
    )
    provisioners._STACK_TAG_PROPERTY[_TYPE] = ("Tags", "list")


def _create(logical_id: str, properties: dict[str, Any], stack_name: str) -> tuple[str, dict[str, str]]:
    return _put(_name(properties, logical_id, stack_name), properties)


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
