"""Who may send, with AUTH=true: as SES decides from the caller's policies.

Resources and condition keys of ses:SendEmail:
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsesv2.html
Examples: https://docs.aws.amazon.com/ses/latest/dg/control-user-access.html
"""

import json
import uuid

import boto3
import pytest
from botocore.exceptions import ClientError

from ci.emulator.process import Emulator
from ci.emulator.tests.conftest import clients_of, zipped
from ci.emulator.tests.ses_feedback import Feedback, email

ACCOUNT = "000000000000"
IDENTITY = f"arn:aws:ses:us-east-1:{ACCOUNT}:identity/shop.example"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    with Emulator.start(tmp_path_factory.mktemp("auth") / "emulator.log", {"AUTH": "true"}) as emulator:
        yield emulator


@pytest.fixture
def root(guarded):
    """Clients that may do everything."""
    guarded.control.reset_ses()
    return clients_of(guarded)


@pytest.fixture
def configuration_set(root):
    return Feedback(root, f"feedback-{uuid.uuid4().hex[:8]}").configuration_set


@pytest.fixture
def ses_of(guarded, root):
    """Makes an SES client of a new role with one policy statement."""

    def make(**statement):
        role = create_role(root("iam"), {"AWS": "*"}, **statement)
        keys = root("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="test")["Credentials"]
        return boto3.client(
            "sesv2",
            region_name="us-east-1",
            endpoint_url=guarded.endpoint_url,
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
        )

    return make


@pytest.fixture
def function_with_role(root):
    """Makes a function whose role may send with the given resources; returns both names."""

    def make(code, resources):
        role = create_role(root("iam"), {"Service": "lambda.amazonaws.com"}, Resource=resources)
        name = f"function-{uuid.uuid4().hex[:8]}"
        root("lambda").create_function(
            FunctionName=name,
            Runtime="python3.13",
            Role=role["Arn"],
            Handler="function.handler",
            Code={"ZipFile": zipped("function.py", code)},
            Timeout=20,
        )
        return name, role["RoleName"]

    return make


def create_role(iam, trusted, **statement):
    """Create a role with one policy statement, by default the right to send anything."""
    name = f"role-{uuid.uuid4().hex[:8]}"
    trust = {"Effect": "Allow", "Principal": trusted, "Action": "sts:AssumeRole"}
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(trust))["Role"]
    allow = {"Effect": "Allow", "Action": "ses:SendEmail", "Resource": "*"} | statement
    iam.put_role_policy(RoleName=name, PolicyName="send", PolicyDocument=policy(allow))
    return role


def policy(statement):
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def denial(ses, **changes):
    """The text of a refusal for want of rights, or None when the message was accepted."""
    try:
        ses.send_email(**email(**changes))
    except ses.exceptions.ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        if (error.response["Error"]["Code"], status) != ("AccessDeniedException", 403):
            raise
        return error.response["Error"]["Message"]
    return None


def test_role_may_send_as_the_identity_that_its_policy_names(guarded, ses_of):
    assert denial(ses_of(Resource=IDENTITY)) is None
    assert len(guarded.control.accepted()) == 1


def test_role_may_not_send_as_another_identity(guarded, ses_of):
    ses = ses_of(Resource=IDENTITY)
    text = denial(ses, FromEmailAddress="orders@other.example")
    assert "is not authorized to perform `ses:SendEmail' on resource" in text
    assert f"`arn:aws:ses:us-east-1:{ACCOUNT}:identity/other.example'" in text
    assert guarded.control.accepted() == []


def test_role_needs_the_right_to_the_configuration_set_too(ses_of, configuration_set):
    arn = f"arn:aws:ses:us-east-1:{ACCOUNT}:configuration-set/{configuration_set}"
    only_identity, both = ses_of(Resource=IDENTITY), ses_of(Resource=[IDENTITY, arn])
    assert f"`{arn}'" in denial(only_identity, ConfigurationSetName=configuration_set)
    assert denial(both, ConfigurationSetName=configuration_set) is None


@pytest.mark.parametrize(
    ("condition", "allowed", "refused"),
    [
        (
            {"StringEquals": {"ses:FromAddress": "orders@shop.example"}},
            {"FromEmailAddress": "Shop <orders@shop.example>"},
            {"FromEmailAddress": "Shop <ceo@shop.example>"},
        ),
        (
            {"StringLike": {"ses:FromDisplayName": "Shop*"}},
            {"FromEmailAddress": "Shop Ltd <orders@shop.example>"},
            {"FromEmailAddress": "The boss <orders@shop.example>"},
        ),
        (
            {"ForAllValues:StringLike": {"ses:Recipients": ["*@example.com"]}},
            {"Destination": {"ToAddresses": ["Ada <ada@example.com>"], "BccAddresses": ["bob@example.com"]}},
            {"Destination": {"ToAddresses": ["ada@example.com"], "BccAddresses": ["eve@elsewhere.example"]}},
        ),
        ({"StringEquals": {"ses:ApiVersion": "2"}}, {}, None),
        ({"StringEquals": {"ses:ApiVersion": "1"}}, None, {}),
    ],
)
def test_condition_of_the_policy_decides(ses_of, condition, allowed, refused):
    ses = ses_of(Resource=IDENTITY, Condition=condition)
    if allowed is not None:
        assert denial(ses, **allowed) is None
    if refused is not None:
        assert denial(ses, **refused)


def test_explicit_deny_wins(ses_of):
    assert denial(ses_of(Effect="Deny"))


def test_role_without_the_action_may_not_send(ses_of):
    assert denial(ses_of(Action="ses:GetAccount"))


def test_role_needs_the_right_to_the_recipients_identity_in_the_sandbox(guarded, ses_of):
    ses = ses_of(Resource=IDENTITY)
    guarded.control.set_ses(sandbox=True)
    assert "identity/example.com'" in denial(ses)
    assert denial(ses, to="success@simulator.amazonses.com") is None


SENDING_FUNCTION = """
import boto3

def handler(event, context):
    boto3.client("sesv2").send_email(**event)
"""


def test_function_sends_as_its_role_and_its_mail_says_so(guarded, root, ses_of, function_with_role):
    feedback = Feedback(root, f"feedback-{uuid.uuid4().hex[:8]}")
    arn = f"arn:aws:ses:us-east-1:{ACCOUNT}:configuration-set/{feedback.configuration_set}"
    function, role = function_with_role(SENDING_FUNCTION, [IDENTITY, arn])
    arguments = email(ConfigurationSetName=feedback.configuration_set)
    answer = root("lambda").invoke(FunctionName=function, Payload=json.dumps(arguments))
    assert "FunctionError" not in answer
    assert [mail["caller"] for mail in guarded.control.accepted()] == [function]
    assert feedback.event("Send", 2)["mail"]["tags"]["ses:caller-identity"] == [role]


def test_function_may_not_send_what_its_role_does_not_allow(guarded, root, function_with_role):
    function, _ = function_with_role(SENDING_FUNCTION, [IDENTITY])
    arguments = email(FromEmailAddress="orders@other.example")
    answer = root("lambda").invoke(FunctionName=function, Payload=json.dumps(arguments))
    assert b"not authorized to perform `ses:SendEmail'" in answer["Payload"].read()
    assert guarded.control.accepted() == []


def test_invalid_request_is_refused_for_what_it_lacks(ses_of):
    with pytest.raises(ClientError, match="Missing final '@domain'"):
        ses_of(Resource=IDENTITY).send_email(**email("nobody"))


def test_other_operations_are_still_authorised(ses_of):
    ses = ses_of(Action="ses:SendEmail")
    with pytest.raises(ClientError, match="not authorized"):
        ses.get_account()
