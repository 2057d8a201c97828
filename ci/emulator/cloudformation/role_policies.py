"""``AWS::IAM::RolePolicy``: an inline policy of one role, which MiniStack only knows with AWS::IAM::Policy.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-iam-rolepolicy.html
"""

import json
from typing import Any

from ministack.services import iam
from ministack.services.cloudformation import provisioners

from ci.emulator.cloudformation.properties import refuse_failure

_TYPE = "AWS::IAM::RolePolicy"

Properties = dict[str, Any]


def install() -> None:
    """Add the resource type. Another policy or role name replaces the policy, as on AWS."""
    provisioners._RESOURCE_HANDLERS[_TYPE] = {"create": _create, "update": _update, "delete": _delete}
    provisioners._REPLACING_PROPERTIES[_TYPE] = ("PolicyName", "RoleName")


def _create(logical_id: str, properties: Properties, stack_name: str) -> tuple[str, dict[str, str]]:
    document = properties["PolicyDocument"]
    response = iam._put_role_policy(
        {
            **_identity(properties),
            "PolicyDocument": document if isinstance(document, str) else json.dumps(document),
        }
    )
    refuse_failure(_TYPE, response)
    return f"{properties['PolicyName']}|{properties['RoleName']}", {}


def _update(
    physical_id: str, old_properties: Properties, new_properties: Properties, stack_name: str
) -> tuple[str, dict[str, str]]:
    return _create(physical_id, new_properties, stack_name)


def _delete(physical_id: str, properties: Properties) -> None:
    """Remove the policy; that it or its role is gone already is fine."""
    iam._delete_role_policy(_identity(properties))


def _identity(properties: Properties) -> Properties:
    return {"RoleName": properties["RoleName"], "PolicyName": properties["PolicyName"]}
