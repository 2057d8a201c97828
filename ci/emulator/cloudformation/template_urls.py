"""Template URLs in virtual-hosted form, which MiniStack reads as path style.

``https://bucket.s3.us-east-1.amazonaws.com/key`` is the form that taskcat uses for the root template;
MiniStack takes the first path segment for the bucket, whatever the host.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
"""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from ci.emulator.ministack import helpers

# Legacy hosts have a dash before the region, or no region at all.
_VIRTUAL_HOST = re.compile(
    r"(?P<bucket>.+)\.(?P<service>s3(?:[.-](?:dualstack\.)?[a-z]{2}(?:-[a-z]+)+-\d)?\.amazonaws\.com(?:\.cn)?)"
)


def install() -> None:
    """Rewrite each virtual-hosted URL to path style before MiniStack reads it."""
    helpers._resolve_document = _with_path_style_urls(helpers._resolve_document)


def path_style(url: str) -> str:
    """Return the path-style form of an S3 URL; any other URL is returned unchanged."""
    parts = urlsplit(url)
    host = _VIRTUAL_HOST.fullmatch(parts.netloc)
    if host is None:
        return url
    return parts._replace(netloc=host["service"], path=f"/{host['bucket']}{parts.path}").geturl()


def _with_path_style_urls(original: Callable[..., Any]) -> Callable[..., Any]:
    def resolve(parameters: dict[str, Any], body_key: str, url_key: str, label: str) -> Any:
        url = helpers._p(parameters, url_key)
        if url:
            parameters = {**parameters, url_key: [path_style(url)]}
        return original(parameters, body_key, url_key, label)

    return resolve
