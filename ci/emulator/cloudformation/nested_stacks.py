"""Nested stacks, treated as MiniStack treats a stack of its own.

Inside a nested stack MiniStack leaves ``{{resolve:…}}`` as it is. When it updates one, it forgets the
attributes of every resource that does not change, so that the next ``Fn::GetAtt`` of such a resource fails.
When it deletes one, it deletes the resources that are to be retained, too.

Sources
-------
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
"""

from typing import Any

from ci.emulator.ministack import cloudformation, engine, provisioners, stacks

Properties = dict[str, Any]
Provisioned = tuple[str, dict[str, Any]]
Stack = dict[str, Any]

_TYPE = "AWS::CloudFormation::Stack"


def install() -> None:
    """Resolve references, keep attributes and retain resources in nested stacks.

    MiniStack's nested stacks, and only they, reach these two functions as attributes of `provisioners`.
    """
    original_provision, original_update = provisioners._provision_resource, provisioners._update_resource
    handlers = provisioners._RESOURCE_HANDLERS[_TYPE]
    original_delete = handlers["delete"]

    def provision(
        resource_type: str, logical_id: str, properties: Properties, stack_name: str
    ) -> Provisioned:
        provisioned: Provisioned = original_provision(
            resource_type, logical_id, _resolved(properties), stack_name
        )
        return provisioned

    def update(
        resource_type: str,
        physical_id: str,
        old_properties: Properties,
        new_properties: Properties,
        stack_name: str,
        logical_id: str,
    ) -> Provisioned:
        attributes = cloudformation._stacks[stack_name]["_resources"][logical_id]["Attributes"]
        if old_properties == new_properties:
            # A secret is read again only when something else of its resource changes.
            return physical_id, attributes
        updated: Provisioned = original_update(
            resource_type,
            physical_id,
            _resolved(old_properties),
            _resolved(new_properties),
            stack_name,
            logical_id,
            attributes,
        )
        return updated

    def delete(physical_id: str, properties: Properties) -> None:
        stack = cloudformation._stacks.get(provisioners._nested_stack_lookup_name(physical_id))
        if stack:
            _release_retained(stack)
        original_delete(physical_id, properties)

    provisioners._provision_resource = provision
    provisioners._update_resource = update
    handlers["delete"] = delete


def _resolved(properties: Properties) -> Properties:
    resolved: Properties = engine._resolve_dynamic_references(properties)[0]
    return resolved


def _release_retained(stack: Stack) -> None:
    """Take the resources that outlive a stack out of it."""
    for logical_id, definition in stack["_template"].get("Resources", {}).items():
        if logical_id in stack["_resources"] and _is_retained(stack, definition):
            resource = stack["_resources"].pop(logical_id)
            stacks._add_event(
                stack["StackId"],
                stack["StackName"],
                logical_id,
                resource["ResourceType"],
                "DELETE_SKIPPED",
                physical_id=resource["PhysicalResourceId"],
            )


def _is_retained(stack: Stack, definition: dict[str, Any]) -> bool:
    policy = stacks._resource_policy(
        definition,
        "DeletionPolicy",
        stack["_resources"],
        stack["_resolved_params"],
        stack["_conditions"],
        stack["_template"].get("Mappings", {}),
        stack["StackName"],
        stack["StackId"],
    )
    return policy == "Retain" or (policy == "RetainExceptOnCreate" and not _is_created_in_vain(stack))


def _is_created_in_vain(stack: Stack) -> bool:
    """Whether the stack goes because the operation that created it is rolled back."""
    above = cloudformation._stacks.get(stack.get("_parent_stack_name"))
    return above is not None and ("ROLLBACK" in above["StackStatus"] or _is_created_in_vain(above))
