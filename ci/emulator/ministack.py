"""What the emulator reaches into of MiniStack, which promises none of these names: each is listed here, once.

`sqs._HANDLERS` of here is `ministack.services.sqs._HANDLERS`: to read, to call, or to replace.
After an upgrade, `tests/test_ministack.py` says which names are gone.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True)
class Name:
    """A name in a module of MiniStack."""

    module: str
    name: str

    def __get__(self, _owner: object, _type: type) -> Any:
        # Not before it is needed: MiniStack reads the environment when it is imported.
        return getattr(import_module(self.module), self.name)

    def __set__(self, _owner: object, value: object) -> None:
        setattr(import_module(self.module), self.name, value)


def _names(module: str, *names: str) -> Any:
    """Return an object that has these names of a module, and no others."""
    attributes = {name: Name(module, name) for name in names}
    return type(f"Listed names of {module}", (), {"__slots__": (), **attributes})()


app = _names(
    "ministack.app",
    "AUTH",
    "SERVICE_HANDLERS",
    "_enforce_ses_v2",
    "app",
    "pin_request_origin",
)
arn = _names(
    "ministack.core.arn",
    "ArnParseError",
    "parse_arn",
)
iam_evaluator = _names(
    "ministack.core.iam_evaluator",
    "AuthError",
    "EvalContext",
    "enforce",
    "evaluate_resource_policy",
    "pin_request_origin",
)
lambda_runtime = _names(
    "ministack.core.lambda_runtime",
    "Worker",
    "execution_credentials",
    "reset",
    "zipfile",
)
responses = _names(
    "ministack.core.responses",
    "AccountRegionScopedDict",
    "AccountScopedDict",
    "error_response_json",
    "get_account_id",
    "get_region",
    "get_request_client_ip",
    "json_response",
    "new_uuid",
    "now_iso",
    "request_scope",
)
router = _names(
    "ministack.core.router",
    "SERVICE_PATTERNS",
    "extract_access_key_id",
    "extract_region",
)
budgets = _names(
    "ministack.services.budgets",
    "_DISPATCH",
    "_budget_arn",
    "_budgets",
    "_create_budget",
    "_delete_budget",
    "_tags",
    "_update_budget",
)
cloudformation = _names(
    "ministack.services.cloudformation",
    "_change_sets",
    "_stack_events",
    "_stacks",
)
changesets = _names(
    "ministack.services.cloudformation.changesets",
    "_IMPORT_LOOKUPS",
    "_IMPORT_NOT_FOUND",
    "_find_change_set",
    "_resolve_props_for_diff",
)
engine = _names(
    "ministack.services.cloudformation.engine",
    "_evaluate_conditions",
    "_parse_template",
    "_resolve_dynamic_references",
    "_resolve_parameters",
    "_resolve_refs",
)
handlers = _names(
    "ministack.services.cloudformation.handlers",
    "_ACTION_HANDLERS",
    "_delete_stack_async",
    "_resolve_stack",
)
helpers = _names(
    "ministack.services.cloudformation.helpers",
    "_p",
    "_resolve_document",
    "_resolve_template",
)
provisioners = _names(
    "ministack.services.cloudformation.provisioners",
    "_NAME_SEED",
    "_REPLACING_PROPERTIES",
    "_RESOURCE_HANDLERS",
    "_STACK_TAG_PROPERTY",
    "_cw_metric_alarm_record",
    "_ddb_create",
    "_lambda_esm_create",
    "_nested_stack_lookup_name",
    "_physical_name",
    "_provision_resource",
    "_reconcile_tag_map",
    "_rename_replacement",
    "_sm_secret_string",
    "_update_resource",
)
stacks = _names(
    "ministack.services.cloudformation.stacks",
    "_add_event",
    "_diff_resources",
    "_resource_policy",
    "_stack_region",
)
cloudwatch = _names(
    "ministack.services.cloudwatch",
    "_alarms",
    "_cbor_metric_data_result",
    "_cbor_ok",
    "_composite_alarms",
    "_delete_alarms",
    "_dims_key",
    "_dispatch_alarm_actions",
    "_error",
    "_evaluate_alarm",
    "_evaluate_all_alarms",
    "_evaluate_parent_alarms",
    "_get_metric_data",
    "_json_ok",
    "_metric_bucket",
    "_metrics",
    "_parse_ts",
    "_point_stats",
    "_put_composite_alarm",
    "_put_metric_alarm",
    "_record_history",
    "_ts_iso",
    "cloudformation_set_metric_alarm_tags",
    "reset",
)
cloudwatch_logs = _names(
    "ministack.services.cloudwatch_logs",
    "_append_log_events",
    "_create_log_group",
    "_create_log_stream",
    "_put_log_events",
    "_put_metric_filter",
    "handle_request",
)
dynamodb = _names(
    "ministack.services.dynamodb",
    "_describe_continuous_backups",
    "_describe_table",
    "_items_replaced",
    "_normalize_table_name",
    "_pitr_settings",
    "_remove_item",
    "_restore_table_to_point_in_time",
    "_set_item",
    "_sse_description_from_spec",
    "_tables",
    "_ttl_settings",
    "_update_continuous_backups",
    "_update_ttl",
)
eventbridge = _names(
    "ministack.services.eventbridge",
    "_invoke_target",
)
kms = _names(
    "ministack.services.kms",
    "_resolve_key",
)
lambda_svc = _names(
    "ministack.services.lambda_svc",
    "_emit_lambda_metrics",
    "_ensure_poller",
    "_esms",
    "_execute_function",
    "_execute_function_dispatch",
    "_execution_record_for_config",
    "_function_config_scope_mismatch",
    "_get_func_record_for_ref",
    "_inflight_key",
    "_run_sqs_batch",
    "executions_in_flight",
    "invoke_async_with_retry",
)
scheduler = _names(
    "ministack.services.scheduler",
    "_SCHEDULE_TICK_INTERVAL",
)
s3 = _names("ministack.services.s3", "_get_object_data")
secretsmanager = _names(
    "ministack.services.secretsmanager",
    "_get_random_password",
    "_resolve",
)
ses_v2 = _names(
    "ministack.services.ses_v2",
    "_config_sets",
    "handle_request",
)
sns = _names(
    "ministack.services.sns",
    "_create_topic",
    "_deliver_to_sqs",
    "_error",
    "_fanout",
    "_get_topic",
    "_normalize_arn",
    "_p",
    "_publish",
    "_subscribe",
    "_topic_by_arn_any_scope",
    "_topics",
    "publish_internal",
    "reset",
)
sqs = _names(
    "ministack.services.sqs",
    "_Err",
    "_HANDLERS",
    "_act_create_queue",
    "_act_receive_message",
    "_act_send_message",
    "_collect_msgs",
    "_delete_messages_for_esm",
    "_get_q",
    "_queue_by_arn",
    "_queue_url",
    "_queues",
    "_refresh_counts",
    "queue_policy_allows",
    "reset",
)
sts = _names(
    "ministack.services.sts",
    "_sessions",
    "register_session",
)
