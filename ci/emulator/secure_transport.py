"""Gap: every call counts as one over TLS, as calls to AWS are.

The emulator is reached over plain HTTP on the loopback address. With ``AUTH=true`` MiniStack would refuse
each call to a resource whose policy denies ``aws:SecureTransport: false``, as ours do.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-securetransport
"""

from collections.abc import Callable

from ci.emulator.ministack import app


def install() -> None:
    """Have the policy checks of each request see a secure transport."""
    pin_request_origin: Callable[[str, bool], None] = app.pin_request_origin

    def pin_secure_origin(source_ip: str, _is_secure: bool) -> None:
        pin_request_origin(source_ip, True)

    app.pin_request_origin = pin_secure_origin
