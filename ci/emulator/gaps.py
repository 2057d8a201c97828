"""The modules that close MiniStack's gaps, each with its `install()`."""

import importlib

# To drop a gap that MiniStack has closed, remove its line and its module.
GAPS = (
    "ci.emulator.connections",
    "ci.emulator.lambda_workers",
    "ci.emulator.unpacked_code",
    "ci.emulator.fault_hooks",
    "ci.emulator.ses.install",
    "ci.emulator.sns_redrive",
    "ci.emulator.secure_transport",
    "ci.emulator.unusable_keys",
    "ci.emulator.budget_spend",
    "ci.emulator.point_in_time_recovery",
    "ci.emulator.schedules",
    "ci.emulator.cost_allocation_tags",
    "ci.emulator.cloudformation.property_types",
    "ci.emulator.cloudformation.template_urls",
    "ci.emulator.cloudformation.table_settings",
    "ci.emulator.cloudformation.topic_settings",
    "ci.emulator.cloudformation.budgets",
    "ci.emulator.cloudformation.composite_alarms",
    "ci.emulator.cloudformation.metric_math_alarms",
    "ci.emulator.cloudformation.query_definitions",
    "ci.emulator.cloudformation.generated_names",
    "ci.emulator.cloudformation.nested_stacks",
    "ci.emulator.cloudformation.generated_secrets",
    "ci.emulator.cloudformation.change_set_conditions",
    "ci.emulator.cloudformation.nested_change_sets",
    "ci.emulator.cloudformation.replacement_rules",
    "ci.emulator.cloudformation.resource_imports",
    "ci.emulator.cloudformation.stack_deletions",
    "ci.emulator.cloudformation.stack_hierarchy",
    "ci.emulator.cloudformation.status_reasons",
    "ci.emulator.cloudwatch.alarms",
    "ci.emulator.cloudwatch.metric_data",
    "ci.emulator.cloudwatch.embedded_metrics",
    "ci.emulator.cloudwatch.function_metrics",
    "ci.emulator.cloudwatch.queue_metrics",
    "ci.emulator.cloudwatch.ses_metrics",
)


def install() -> None:
    """Close every gap, in this order."""
    for gap in GAPS:
        importlib.import_module(gap).install()
