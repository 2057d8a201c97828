"""SendEmail: what is accepted, and what is refused with which error.

Names and statuses: https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html#API_SendEmail_Errors.
"""

import re

import pytest
from botocore.exceptions import ClientError

from ci.emulator.tests.ses_feedback import email, simple


def refusal(ses, arguments):
    """The code, HTTP status and text of a refused SendEmail."""
    with pytest.raises(ClientError) as caught:
        ses.send_email(**arguments)
    response = caught.value.response
    return (
        response["Error"]["Code"],
        response["ResponseMetadata"]["HTTPStatusCode"],
        response["Error"]["Message"],
    )


def test_send_email_is_accepted_once_and_remembered_as_it_was_sent(emulator, ses, feedback):
    answer = ses.send_email(
        **email(
            Destination={"ToAddresses": ["Ada <ada@example.com>"], "BccAddresses": ["bob@example.com"]},
            Content=simple("Ihre Bestellung ✓", Headers=[{"Name": "X-Order", "Value": "1"}]),
            EmailTags=[{"Name": "order_key", "Value": "abc-1_2"}],
            ConfigurationSetName=feedback.configuration_set,
        )
    )
    [mail] = emulator.control.accepted()
    assert re.fullmatch(r"0100[0-9a-f]{12}-[0-9a-f-]{36}-\d{6}", answer["MessageId"])
    assert mail["message_id"] == answer["MessageId"]
    assert (mail["account"], mail["region"], mail["caller"]) == ("000000000000", "us-east-1", "")
    assert (mail["from"], mail["to"], mail["bcc"]) == (
        "Shop <orders@shop.example>",
        ["Ada <ada@example.com>"],
        ["bob@example.com"],
    )
    assert (mail["subject"], mail["text"], mail["html"]) == (
        "Ihre Bestellung ✓",
        "Thank you.",
        "<p>Thank you.</p>",
    )
    assert mail["tags"] == {"order_key": "abc-1_2"}
    assert mail["configuration_set"] == feedback.configuration_set
    assert {"name": "X-Order", "value": "1"} in mail["headers"]


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("ada.example.com", "Missing final '@domain'"),
        ("@example.com", "Missing local name"),
        ("ada@", "Missing domain"),
        ("ädä@example.com", "Local address contains control or whitespace"),
        ("ada b@example.com", "Local address contains control or whitespace"),
        ("ada@example.com\nBcc: eve@example.com", "Local address contains control or whitespace"),
        ("ada..b@example.com", "Local address contains dot-dot"),
        ("ada,bob@example.com", "Local address contains illegal character"),
        ("ada@exämple.com", "Domain contains control or whitespace"),
        ("ada@example_shop.com", "Domain contains illegal character"),
        ("ada@.example.com", "Domain starts with dot"),
        ("ada@example.com.", "Domain ends with dot"),
        ("ada@example..com", "Domain contains dot-dot"),
    ],
)
def test_address_is_refused_when_it_breaks_the_rules(emulator, ses, address, text):
    """https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_Destination.html: 7-bit ASCII."""
    assert refusal(ses, email(address)) == ("BadRequestException", 400, text)
    assert emulator.control.accepted() == []


@pytest.mark.parametrize("field", ["CcAddresses", "BccAddresses"])
def test_every_kind_of_recipient_is_checked(ses, field):
    destination = {"ToAddresses": ["ada@example.com"], field: ["nobody"]}
    assert refusal(ses, email(Destination=destination))[2] == "Missing final '@domain'"


def test_display_name_may_have_any_character(emulator, ses):
    ses.send_email(**email("山田 <yamada@example.com>"))
    assert emulator.control.accepted()[0]["to"] == ["山田 <yamada@example.com>"]


def test_message_is_refused_when_it_has_no_recipient(ses):
    """https://docs.aws.amazon.com/ses/latest/dg/troubleshoot-error-messages.html."""
    assert refusal(ses, email(Destination={})) == (
        "BadRequestException",
        400,
        "There are no recipients specified.",
    )


def test_message_is_refused_above_fifty_recipients(emulator, ses):
    """https://docs.aws.amazon.com/ses/latest/dg/quotas.html (sender and recipient quotas)."""
    recipients = [f"ada{number}@example.com" for number in range(51)]
    emulator.control.set_ses(max_send_rate=100)
    ses.send_email(**email(Destination={"ToAddresses": recipients[:25], "CcAddresses": recipients[25:50]}))
    destination = {"ToAddresses": recipients[:25], "CcAddresses": recipients[25:]}
    assert refusal(ses, email(Destination=destination)) == (
        "BadRequestException",
        400,
        "Recipient count exceeds 50.",
    )
    assert len(emulator.control.accepted()) == 1


def test_message_is_refused_above_forty_megabytes(ses):
    """https://docs.aws.amazon.com/ses/latest/dg/quotas.html (message quotas)."""
    content = simple(text="x" * (40 * 1024 * 1024))
    code, status, text = refusal(ses, email(Content=content))
    assert (code, status) == ("BadRequestException", 400)
    assert text.startswith("Message length is more than 41943040 bytes long")


@pytest.mark.parametrize(
    ("tag", "text"),
    [
        (
            {"Name": "order:id", "Value": "1"},
            "Invalid tag name <order:id>: only alphanumeric ASCII characters, '_', and '-' are allowed.",
        ),
        (
            {"Name": "order", "Value": "A 1"},
            "Invalid tag value <A 1>: only alphanumeric ASCII characters, '_', and '-' are allowed.",
        ),
        ({"Name": "n" * 257, "Value": "1"}, "Tag name cannot exceed 256 characters."),
        ({"Name": "order", "Value": "v" * 257}, "Tag value cannot exceed 256 characters."),
    ],
)
def test_tag_is_refused_when_it_breaks_the_rules(ses, tag, text):
    """https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_MessageTag.html."""
    assert refusal(ses, email(EmailTags=[tag])) == ("BadRequestException", 400, text)


def test_tags_are_refused_above_fifty(ses):
    tags = [{"Name": f"tag{number}", "Value": "1"} for number in range(51)]
    assert refusal(ses, email(EmailTags=tags))[:2] == ("BadRequestException", 400)


def test_tags_of_full_length_are_accepted(emulator, ses):
    ses.send_email(**email(EmailTags=[{"Name": "n" * 256, "Value": "v" * 256}]))
    assert emulator.control.accepted()[0]["tags"] == {"n" * 256: "v" * 256}


@pytest.mark.parametrize(
    ("headers", "rule"),
    [
        ([{"Name": "X Order", "Value": "1"}], "headers.1.member.name"),
        ([{"Name": "X:Order", "Value": "1"}], "headers.1.member.name"),
        ([{"Name": "X-Order", "Value": "1\r\nBcc: eve@example.com"}], "headers.1.member.value"),
        ([{"Name": "X-A", "Value": "1"}, {"Name": "X-B", "Value": "Ä"}], "headers.2.member.value"),
        ([{"Name": f"X-{number}", "Value": "1"} for number in range(16)], "headers"),
    ],
)
def test_header_is_refused_when_it_breaks_the_rules(ses, headers, rule):
    """https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_MessageHeader.html."""
    code, status, text = refusal(ses, email(Content=simple(Headers=headers)))
    assert (code, status) == ("BadRequestException", 400)
    assert f"at 'content.simple.{rule}' failed to satisfy constraint" in text


@pytest.mark.parametrize(
    "content",
    [
        {"Raw": {"Data": b"From: orders@shop.example\r\n\r\ntext"}},
        {"Template": {"TemplateName": "hello", "TemplateData": "{}"}},
        {**simple(), "Raw": {"Data": b"From: orders@shop.example\r\n\r\ntext"}},
        simple(Attachments=[{"RawContent": b"text", "FileName": "sample.txt"}]),
    ],
)
def test_content_that_the_emulator_cannot_read_is_refused(emulator, ses, content):
    code, status, text = refusal(ses, email(Content=content))
    assert (code, status) == ("BadRequestException", 400)
    assert text == "The emulator reads Simple content without attachments only."
    assert emulator.control.accepted() == []


def test_message_is_refused_when_its_configuration_set_does_not_exist(emulator, ses):
    assert refusal(ses, email(ConfigurationSetName="missing")) == (
        "NotFoundException",
        404,
        "Configuration set <missing> does not exist.",
    )
    assert emulator.control.accepted() == []


def test_message_is_refused_while_its_configuration_set_is_paused(ses, feedback):
    """https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_PutConfigurationSetSendingOptions.html."""
    name = feedback.configuration_set
    ses.put_configuration_set_sending_options(ConfigurationSetName=name, SendingEnabled=False)
    assert refusal(ses, email(ConfigurationSetName=name)) == (
        "SendingPausedException",
        400,
        f"Sending is paused for configuration set {name}",
    )
    ses.put_configuration_set_sending_options(ConfigurationSetName=name, SendingEnabled=True)
    assert ses.send_email(**email(ConfigurationSetName=name))["MessageId"]


def test_message_is_refused_while_the_account_is_paused(ses):
    """https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_PutAccountSendingAttributes.html."""
    ses.put_account_sending_attributes(SendingEnabled=False)
    code, status, text = refusal(ses, email())
    assert (code, status) == ("SendingPausedException", 400)
    assert text.startswith("Sending paused for this account.")
    assert ses.get_account()["SendingEnabled"] is False


def test_message_is_refused_when_the_account_is_shut_down(emulator, ses):
    """https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_GetAccount.html (EnforcementStatus)."""
    emulator.control.set_ses(enforcement_status="PROBATION")
    assert ses.send_email(**email())["MessageId"]
    emulator.control.set_ses(enforcement_status="SHUTDOWN")
    assert refusal(ses, email())[:2] == ("AccountSuspendedException", 400)
    assert ses.get_account()["EnforcementStatus"] == "SHUTDOWN"


def test_message_is_refused_when_its_sender_is_not_verified(emulator, ses):
    """https://docs.aws.amazon.com/ses/latest/dg/troubleshoot-error-messages.html."""
    emulator.control.set_ses(verified_identities=["example.com"])
    assert refusal(ses, email(FromEmailAddress="orders@shop.example")) == (
        "MessageRejected",
        400,
        "Email address is not verified. The following identities failed the check in region US-EAST-1: "
        "orders@shop.example",
    )


@pytest.mark.parametrize("identity", ["shop.example", "mail.shop.example", "orders@mail.shop.example"])
def test_sender_is_verified_by_its_address_its_domain_or_one_above(emulator, ses, identity):
    """https://docs.aws.amazon.com/ses/latest/dg/creating-identities.html."""
    emulator.control.set_ses(verified_identities=[identity])
    assert ses.send_email(**email(FromEmailAddress="Shop <orders@mail.shop.example>"))["MessageId"]


def test_recipients_must_be_verified_in_the_sandbox_but_not_the_simulators(emulator, ses):
    """https://docs.aws.amazon.com/ses/latest/dg/request-production-access.html."""
    emulator.control.set_ses(sandbox=True, verified_identities=["shop.example", "known@example.com"])
    assert refusal(ses, email("stranger@example.com")) == (
        "MessageRejected",
        400,
        "Email address is not verified. The following identities failed the check in region US-EAST-1: "
        "stranger@example.com",
    )
    assert ses.send_email(**email("known@example.com"))["MessageId"]
    assert ses.send_email(**email("success+1@simulator.amazonses.com"))["MessageId"]
    assert ses.get_account()["ProductionAccessEnabled"] is False


def test_message_is_refused_when_its_mail_from_domain_is_not_verified(emulator, ses):
    """https://docs.aws.amazon.com/ses/latest/dg/mail-from.html (the setting to reject the message)."""
    emulator.control.set_ses(mail_from_failed_domains=["shop.example"])
    assert refusal(ses, email())[:2] == ("MailFromDomainNotVerifiedException", 400)


def test_each_region_and_account_has_settings_of_its_own(emulator, clients, ses):
    """https://docs.aws.amazon.com/ses/latest/dg/regions.html."""
    ireland = clients("sesv2", "eu-west-1")
    emulator.control.set_ses(region="eu-west-1", sending_enabled=False, max_send_rate=3)
    assert refusal(ireland, email())[0] == "SendingPausedException"
    assert ses.send_email(**email())["MessageId"]
    assert ireland.get_account()["SendQuota"]["MaxSendRate"] == 3
    assert ses.get_account()["SendQuota"]["MaxSendRate"] == 14
