"""``AWS::Budgets::Budget``: MiniStack has the Budgets API, but not its resource type.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-budgets-budget.html
"""

import copy
from typing import Any

from ci.emulator.cloudformation.properties import refuse_failure
from ci.emulator.ministack import budgets, provisioners

_TYPE = "AWS::Budgets::Budget"
_NAME_MAX_LENGTH = 100


def install() -> None:
    """Add the resource type. A change of its notifications replaces the budget, as on AWS."""
    provisioners._RESOURCE_HANDLERS[_TYPE] = {
        "create": _create,
        "update": _update,
        "update_with_logical_id": True,
        "delete": _delete,
    }
    provisioners._REPLACING_PROPERTIES[_TYPE] = ("NotificationsWithSubscribers",)
    provisioners._STACK_TAG_PROPERTY[_TYPE] = ("ResourceTags", "list")


def _create(logical_id: str, properties: dict[str, Any], stack_name: str) -> tuple[str, dict[str, str]]:
    budget = _budget(properties, logical_id, stack_name)
    response = budgets._create_budget(
        {
            "Budget": budget,
            "NotificationsWithSubscribers": _notifications(properties),
            "ResourceTags": properties.get("ResourceTags") or [],
        }
    )
    refuse_failure(_TYPE, response)
    return budget["BudgetName"], {}


def _update(
    physical_id: str,
    old_properties: dict[str, Any],
    new_properties: dict[str, Any],
    stack_name: str,
    logical_id: str,
) -> tuple[str, dict[str, str]]:
    budget = _budget(new_properties, logical_id, stack_name)
    current_name = physical_id if physical_id in budgets._budgets else None
    replaced: tuple[str, dict[str, str]] | None = provisioners._rename_replacement(
        physical_id,
        old_properties,
        new_properties,
        stack_name,
        logical_id,
        budget["BudgetName"],
        current_name,
        _create,
        _delete,
    )
    if replaced is not None:
        return replaced
    refuse_failure(_TYPE, budgets._update_budget({"NewBudget": budget}))
    tags = budgets._tags.setdefault(budgets._budget_arn(physical_id), {})
    provisioners._reconcile_tag_map(tags, old_properties, new_properties, prop="ResourceTags")
    return physical_id, {}


def _delete(physical_id: str, _properties: dict[str, Any]) -> None:
    budgets._delete_budget({"BudgetName": physical_id})


def _budget(properties: dict[str, Any], logical_id: str, stack_name: str) -> dict[str, Any]:
    """Return the API's budget; spend amounts are decimal strings there, whatever the template writes."""
    budget: dict[str, Any] = copy.deepcopy(properties["Budget"])
    budget.setdefault(
        "BudgetName", provisioners._physical_name(stack_name, logical_id, max_len=_NAME_MAX_LENGTH)
    )
    if "BudgetLimit" in budget:
        budget["BudgetLimit"]["Amount"] = str(budget["BudgetLimit"]["Amount"])
    return budget


def _notifications(properties: dict[str, Any]) -> list[dict[str, Any]]:
    notifications = copy.deepcopy(properties.get("NotificationsWithSubscribers") or [])
    for entry in notifications:
        entry["Notification"]["Threshold"] = float(entry["Notification"]["Threshold"])
    return notifications
