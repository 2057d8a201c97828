"""``AWS::Budgets::Budget``: MiniStack has the Budgets API, but not its resource type.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-budgets-budget.html
"""

import copy
from typing import Any

from ci.emulator.cloudformation.properties import refuse_failure
from ci.emulator.cloudformation.provisioning import renames_replace
from ci.emulator.ministack import budgets, provisioners

_TYPE = "AWS::Budgets::Budget"
_NAME_MAX_LENGTH = 100


def install() -> None:
    """Add the resource type. A change of its notifications replaces the budget, as on AWS."""
    provisioners._RESOURCE_HANDLERS[_TYPE] = renames_replace(
        _create, _change, _delete, name=_name, exists=lambda name: name in budgets._budgets
    )
    provisioners._REPLACING_PROPERTIES[_TYPE] = ("NotificationsWithSubscribers",)
    provisioners._STACK_TAG_PROPERTY[_TYPE] = ("ResourceTags", "list")


def _create(logical_id: str, properties: dict[str, Any], stack_name: str) -> tuple[str, dict[str, str]]:
    name = _name(properties, logical_id, stack_name)
    response = budgets._create_budget(
        {
            "Budget": _budget(properties, name),
            "NotificationsWithSubscribers": _notifications(properties),
            "ResourceTags": properties.get("ResourceTags") or [],
        }
    )
    refuse_failure(_TYPE, response)
    return name, {}


def _change(
    name: str, old_properties: dict[str, Any], new_properties: dict[str, Any]
) -> tuple[str, dict[str, str]]:
    refuse_failure(_TYPE, budgets._update_budget({"NewBudget": _budget(new_properties, name)}))
    tags = budgets._tags.setdefault(budgets._budget_arn(name), {})
    provisioners._reconcile_tag_map(tags, old_properties, new_properties, prop="ResourceTags")
    return name, {}


def _delete(physical_id: str, _properties: dict[str, Any]) -> None:
    budgets._delete_budget({"BudgetName": physical_id})


def _name(properties: dict[str, Any], logical_id: str, stack_name: str) -> str:
    return properties["Budget"].get("BudgetName") or str(
        provisioners._physical_name(stack_name, logical_id, max_len=_NAME_MAX_LENGTH)
    )


def _budget(properties: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the API's budget; spend amounts are decimal strings there, whatever the template writes."""
    budget: dict[str, Any] = copy.deepcopy(properties["Budget"]) | {"BudgetName": name}
    if "BudgetLimit" in budget:
        budget["BudgetLimit"]["Amount"] = str(budget["BudgetLimit"]["Amount"])
    return budget


def _notifications(properties: dict[str, Any]) -> list[dict[str, Any]]:
    notifications = copy.deepcopy(properties.get("NotificationsWithSubscribers") or [])
    for entry in notifications:
        entry["Notification"]["Threshold"] = float(entry["Notification"]["Threshold"])
    return notifications
