"""Nested stacks do what stacks of their own do; and the types that the nested stacks of this system use."""

import json
import string

import pytest
from botocore.exceptions import ClientError

from ci.emulator.tests.stacks import Stack

ROLE = """
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: "sts:AssumeRole"}]
"""


@pytest.fixture
def stack(clients) -> Stack:
    return Stack(clients)


def parent(stack: Stack, child: str, *outputs: str, parameters: str = "{}", beside: str = "") -> str:
    """A template with a nested stack, of which it repeats these outputs."""
    repeated = [f"  {name}: {{Value: !GetAtt Child.Outputs.{name}}}" for name in outputs]
    return "\n".join(
        [
            "Parameters: {Value: {Type: String, Default: first}}",
            "Resources:",
            "  Child:",
            "    Type: AWS::CloudFormation::Stack",
            f"    Properties: {{TemplateURL: '{stack.url(child)}', Parameters: {parameters}}}",
            beside,
            *(["Outputs:", *repeated] if repeated else []),
        ]
    )


# --- dynamic references ---------------------------------------------------------------------------

READS_A_SECRET = """
Parameters: {Value: {Type: String}}
Resources:
  Secret:
    Type: AWS::SecretsManager::Secret
    Properties: {SecretString: confidential}
  Parameter:
    Type: AWS::SSM::Parameter
    Properties:
      Type: String
      Description: !Ref Value
      Value: !Sub "{{resolve:secretsmanager:${Secret}:SecretString}}"
Outputs:
  Name: {Value: !Ref Parameter}
  SecretArn: {Value: !Ref Secret}
"""


def test_nested_stack_reads_secrets(clients, stack):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references-secretsmanager.html"""
    template = parent(stack, READS_A_SECRET, "Name", parameters="{Value: !Ref Value}")

    name = stack.create(template)["Name"]

    assert clients("ssm").get_parameter(Name=name)["Parameter"]["Value"] == "confidential"


def test_nested_stack_reads_a_secret_again_only_when_its_resource_changes(clients, stack):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references-secretsmanager.html

    "Updating a secret in Secrets Manager doesn't automatically update the secret in CloudFormation."
    """
    template = parent(stack, READS_A_SECRET, "Name", "SecretArn", parameters="{Value: !Ref Value}")
    outputs = stack.create(template)
    clients("secretsmanager").put_secret_value(SecretId=outputs["SecretArn"], SecretString="new")

    def value():
        return clients("ssm").get_parameter(Name=outputs["Name"])["Parameter"]["Value"]

    another = READS_A_SECRET.replace("Outputs:", "  Topic: {Type: AWS::SNS::Topic}\nOutputs:")
    stack.update(parent(stack, another, "Name", "SecretArn", parameters="{Value: !Ref Value}"))
    assert value() == "confidential"

    stack.update(
        parent(stack, another, "Name", "SecretArn", parameters="{Value: !Ref Value}"), Value="second"
    )
    assert value() == "new"


# --- updates --------------------------------------------------------------------------------------


def test_nested_stack_updates_while_others_read_what_does_not_change(clients, stack):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html

    A resource that does not change keeps its attributes: Fn::GetAtt of it goes on.
    """
    child = """
Parameters: {Value: {Type: String}}
Resources:
  Kept: {Type: AWS::SNS::Topic}
  Changed:
    Type: AWS::SSM::Parameter
    Properties: {Type: String, Value: !Sub "${Value} ${Kept.TopicName}"}
Outputs:
  Name: {Value: !Ref Changed}
  TopicName: {Value: !GetAtt Kept.TopicName}
"""
    template = parent(stack, child, "Name", "TopicName", parameters="{Value: !Ref Value}")
    created = stack.create(template)

    for value in ("second", "third"):
        assert stack.update(template, Value=value) == created
        parameter = clients("ssm").get_parameter(Name=created["Name"])["Parameter"]
        assert parameter["Value"] == f"{value} {created['TopicName']}"


# --- deletion -------------------------------------------------------------------------------------

KEEPS_TOPICS = """
Resources:
  Deleted: {Type: AWS::SNS::Topic}
  Retained: {DeletionPolicy: Retain, Type: AWS::SNS::Topic}
  RetainedOnceInUse: {DeletionPolicy: RetainExceptOnCreate, Type: AWS::SNS::Topic}
Outputs:
  DeletedArn: {Value: !Ref Deleted}
  RetainedArn: {Value: !Ref Retained}
  RetainedOnceInUseArn: {Value: !Ref RetainedOnceInUse}
"""


def topics_of(clients, stack: Stack) -> set[str]:
    """Logical ids of a stack's topics, as far as they exist."""
    pages = clients("sns").get_paginator("list_topics").paginate()
    names = [topic["TopicArn"].split(":")[-1] for page in pages for topic in page["Topics"]]
    return {name.split("-")[-2] for name in names if name.startswith(f"{stack.name}-Child-")}


def test_deleted_parent_leaves_what_its_nested_stacks_retain(clients, stack):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html"""
    outputs = stack.create(parent(stack, KEEPS_TOPICS, "DeletedArn", "RetainedArn", "RetainedOnceInUseArn"))

    stack.delete()

    sns = clients("sns")
    sns.get_topic_attributes(TopicArn=outputs["RetainedArn"])
    sns.get_topic_attributes(TopicArn=outputs["RetainedOnceInUseArn"])
    with pytest.raises(ClientError, match="NotFound"):
        sns.get_topic_attributes(TopicArn=outputs["DeletedArn"])


def test_creation_that_is_rolled_back_leaves_only_what_is_always_retained(clients, stack):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html

    "If the stack operation that created the resource is rolled back, CloudFormation deletes the resource."
    """
    fails = """
  Failing:
    DependsOn: Child
    Type: AWS::IAM::Policy
    Properties:
      PolicyName: policy
      Roles: [none]
      PolicyDocument: {Statement: [{Effect: Allow, Action: "sns:Publish", Resource: "*"}]}
"""

    stack.create_that_fails(parent(stack, KEEPS_TOPICS, beside=fails))

    assert topics_of(clients, stack) == {"Retained"}


# --- generated secrets ----------------------------------------------------------------------------


def generated(clients, stack: Stack, settings: str) -> str:
    template = f"""
Resources:
  Secret:
    Type: AWS::SecretsManager::Secret
    Properties: {{GenerateSecretString: {settings}}}
Outputs:
  Arn: {{Value: !Ref Secret}}
"""
    arn = stack.create(template)["Arn"]
    value: str = clients("secretsmanager").get_secret_value(SecretId=arn)["SecretString"]
    return value


def test_generated_secret_has_the_characters_asked_for(clients, stack):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-secretsmanager-secret-generatesecretstring.html"""
    secret = generated(
        clients,
        stack,
        "{PasswordLength: 2000, ExcludePunctuation: true, ExcludeUppercase: 'true', ExcludeCharacters: abc}",
    )

    assert len(secret) == 2000
    assert set(secret) == set(string.ascii_lowercase + string.digits) - set("abc")


def test_generated_secret_has_32_characters_of_every_kind_when_nothing_is_asked_for(clients, stack):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-secretsmanager-secret-generatesecretstring.html"""
    secret = generated(clients, stack, "{}")

    assert len(secret) == 32
    for kind in (string.ascii_lowercase, string.ascii_uppercase, string.digits, string.punctuation):
        assert set(secret) & set(kind)


def test_generated_secret_is_put_into_a_template(clients, stack):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-secretsmanager-secret-generatesecretstring.html"""
    secret = generated(
        clients,
        stack,
        """{SecretStringTemplate: '{"user": "ada"}', GenerateStringKey: password, PasswordLength: 12}""",
    )

    user = json.loads(secret)
    assert (user["user"], len(user["password"])) == ("ada", 12)


def test_secret_fails_when_no_characters_are_left(stack):
    """https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetRandomPassword.html"""
    template = f"""
Resources:
  Secret:
    Type: AWS::SecretsManager::Secret
    Properties:
      GenerateSecretString:
        ExcludeLowercase: true
        ExcludeUppercase: true
        ExcludePunctuation: true
        ExcludeCharacters: '{string.digits}'
"""
    assert "InvalidParameterException" in stack.create_that_fails(template)
