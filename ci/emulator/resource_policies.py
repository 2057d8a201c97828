"""Whether a resource's policy lets an AWS service act on it, as AWS decides for every delivery.

MiniStack asks only with ``AUTH=true``; a template that forgets a permission would pass here and fail on AWS.
"""

from ci.emulator.ministack import arn, iam_evaluator, kms, responses

_KEY_ACTIONS = ("kms:GenerateDataKey", "kms:Decrypt")


def lets_service(policy: str | None, service: str, action: str, resource_arn: str, source_arn: str) -> bool:
    """Decide for a service that acts on behalf of a resource.

    Parameters
    ----------
    policy
        The queue's or topic's policy (JSON); without one, a service may do nothing.
    service, action
        Such as ``sns.amazonaws.com`` and ``sqs:SendMessage``.
    resource_arn
        What the policy belongs to.
    source_arn
        The topic, alarm or other resource that the service acts for: ``aws:SourceArn``.
    """
    try:
        source_account = arn.parse_arn(source_arn).account_id
    except arn.ArnParseError:
        source_account = responses.get_account_id()
    context = iam_evaluator.EvalContext(
        principal_arn="*",
        principal_type="Service",
        principal_account="",
        action=action,
        resource_arn=resource_arn,
        region=responses.get_region(),
        # Services talk to each other over TLS.
        secure_transport=True,
        service_context={
            "aws:sourcearn": source_arn,
            "aws:sourceaccount": source_account,
            "aws:sourceowner": source_account,
        },
    )
    return bool(
        policy
        and iam_evaluator.evaluate_resource_policy(policy, context, service=service).decision == "Allow"
    )


def lets_service_use_key(key_id: str | None, service: str, source_arn: str) -> bool:
    """Decide whether a service may put messages into what this KMS key encrypts; without a key it may.

    A key that AWS manages, such as ``alias/aws/sqs``, lets no other service use it; nobody can change that.

    Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
    """
    if not key_id:
        return True
    key = kms._resolve_key(key_id) or {}
    arn = key.get("Arn", "")
    return all(lets_service(key.get("Policy"), service, action, arn, source_arn) for action in _KEY_ACTIONS)
