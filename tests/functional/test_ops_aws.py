"""Local commands cannot touch a real account, whatever the environment says."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from ops import aws
from ops.errors import UnsafeEndpointError


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://127.0.0.1:4566",
        "http://127.0.0.1:4566/",
        "http://127.3.2.1:80",
        "http://[::1]:4566",
    ],
)
def test_endpoint_is_accepted_when_it_is_a_literal_loopback_address(endpoint: str) -> None:
    assert aws.local(endpoint).sqs.meta.endpoint_url == endpoint.rstrip("/")


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "https://dynamodb.us-east-1.amazonaws.com",
        "http://192.0.2.1:4566",
        "http://0.0.0.0:4566",
        "http://[::]:4566",
        "http://[2001:db8::1]:4566",
        "http://localhost:4566",
        "http://localhost.evil.example:4566",
        "http://127.0.0.1.evil.example:4566",
        "http://localhost@evil.example:4566",
        "http://127.0.0.1:4566@evil.example",
        "http://127.0.0.1@evil.example:4566",
        "http://evil.example@127.0.0.1:4566",
        "http://evil.example#@127.0.0.1:4566",
        "http://evil.example\\@127.0.0.1:4566",
        "http://127.0.0.1:4566\\@evil.example",
        "http://127.0.0.1:4566#.evil.example",
        "http://127.0.0.1:4566?evil.example",
        "http://127.0.0.1:4566/bucket",
        "http://127.1:4566",
        "http://2130706433:4566",
        "http://0x7f000001:4566",
        "http://0177.0.0.1:4566",
        "http://127.0.0.1",
        "http://127.0.0.1:0",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:x",
        "https://127.0.0.1:4566",
        "ftp://127.0.0.1:4566",
        "//127.0.0.1:4566",
        "127.0.0.1:4566",
    ],
)
def test_endpoint_is_refused_when_it_is_anything_else(endpoint: str) -> None:
    with pytest.raises(UnsafeEndpointError) as refusal:
        aws.local(endpoint)
    assert repr(endpoint) in refusal.value.what
    assert "notify local up" in refusal.value.next_step


@pytest.fixture
def requests_seen() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """An HTTP server in the emulator's place: its endpoint, and the headers of the requests that reach it."""
    seen: list[dict[str, str]] = []

    class Recorder(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            seen.append(dict(self.headers))
            body = b'{"QueueUrls": []}'
            self.send_response(200)
            self.send_header("Content-Type", "application/x-amz-json-1.0")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Recorder)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", seen
    server.shutdown()
    thread.join()
    server.server_close()


def test_request_goes_to_the_emulator_with_dummy_credentials_when_the_environment_says_otherwise(
    requests_seen: tuple[str, list[dict[str, str]]], monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    endpoint, seen = requests_seen
    config = tmp_path / "config"
    config.write_text(
        "[profile prod]\nregion = eu-west-1\nendpoint_url = http://192.0.2.1:1\nca_bundle = /nonexistent\n"
        "aws_access_key_id = AKIAREALPROFILE\naws_secret_access_key = real\n"
    )
    real = {
        "AWS_PROFILE": "prod",
        "AWS_CONFIG_FILE": str(config),
        "AWS_SHARED_CREDENTIALS_FILE": str(config),
        "AWS_ACCESS_KEY_ID": "AKIAREALENVIRONMENT",
        "AWS_SECRET_ACCESS_KEY": "real",
        "AWS_SESSION_TOKEN": "real-token",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL": "http://192.0.2.1:1",
        "AWS_ENDPOINT_URL_SQS": "http://192.0.2.1:1",
        "AWS_USE_FIPS_ENDPOINT": "true",
        "AWS_CA_BUNDLE": "/nonexistent",
        "HTTP_PROXY": "http://192.0.2.1:1",
        "http_proxy": "http://192.0.2.1:1",
        "ALL_PROXY": "http://192.0.2.1:1",
    }
    for name, value in real.items():
        monkeypatch.setenv(name, value)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)

    aws.local(endpoint).sqs.list_queues()

    [headers] = seen
    assert "Credential=test/" in headers["Authorization"]
    assert "/us-east-1/sqs/" in headers["Authorization"]
    assert "X-Amz-Security-Token" not in headers


@pytest.mark.parametrize("service", ["cloudformation", "dynamodb", "s3", "sns", "sqs"])
def test_every_client_has_the_local_endpoint(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://192.0.2.1:1")
    assert getattr(aws.local("http://127.0.0.1:4566"), service).meta.endpoint_url == "http://127.0.0.1:4566"
