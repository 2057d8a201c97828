"""One emulator for all tests of this folder."""

import functools
import io
import uuid
import zipfile

import boto3
import pytest

from ci.emulator.process import Emulator
from ci.emulator.tests.ses_feedback import Feedback

REGION = "us-east-1"


@pytest.fixture(scope="session")
def running_emulator(tmp_path_factory):
    with Emulator.start(tmp_path_factory.mktemp("emulator") / "emulator.log") as emulator:
        yield emulator


@pytest.fixture
def emulator(running_emulator):
    """The emulator without faults, and with an SES that has seen nothing."""
    running_emulator.control.clear_faults()
    running_emulator.control.reset_ses()
    yield running_emulator
    running_emulator.control.clear_faults()
    running_emulator.control.reset_ses()


@pytest.fixture(scope="session")
def clients(running_emulator):
    """Makes a boto3 client of a service: `clients("sqs")`, `clients("sesv2", config=Config(…))`."""
    return clients_of(running_emulator)


def clients_of(emulator, access_key_id="test"):
    session = boto3.Session()

    @functools.cache
    def client(service, region=REGION, config=None):
        return session.client(
            service,
            region_name=region,
            endpoint_url=emulator.endpoint_url,
            aws_access_key_id=access_key_id,
            aws_secret_access_key="test",
            config=config,
        )

    return client


def zipped(name, code):
    """A function's zip with one file."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as built:
        built.writestr(name, code)
    return archive.getvalue()


@pytest.fixture
def ses(emulator, clients):
    return clients("sesv2")


@pytest.fixture
def feedback(emulator, clients):
    """A configuration set whose events, of every type, arrive in a queue."""
    return Feedback(clients, f"feedback-{uuid.uuid4().hex[:8]}")
