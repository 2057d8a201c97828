"""Email addresses as SES reads and judges them."""

from __future__ import annotations

from ci.emulator.ses.errors import SesError

_LOCAL_SPECIALS = frozenset('()<>,;:\\"[]@')


def bare_address(address: str) -> str:
    """Return `ada@example.com` of `Ada <ada@example.com>`."""
    start, end = address.rfind("<"), address.rfind(">")
    return address[start + 1 : end].strip() if 0 <= start < end else address.strip()


def display_name(address: str) -> str:
    """Return `Ada` of `Ada <ada@example.com>`, or ''."""
    return address[: address.rfind("<")].strip().strip('"') if "<" in address else ""


def domain_of(address: str) -> str:
    """Return an address's domain in lower case."""
    return bare_address(address).rpartition("@")[2].lower()


def check(address: str) -> None:
    """Refuse what isn't an address.

    Only the address itself is 7-bit ASCII: a display name may have any printable character.
    https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_Destination.html

    Raises
    ------
    SesError
        BadRequestException; the text says which rule is broken, without the address.
    """
    if problem := _problem(address):
        raise SesError("BadRequestException", problem)


def _problem(address: str) -> str | None:
    local, at, domain = bare_address(address).rpartition("@")
    if not at:
        return "Missing final '@domain'"
    if not local:
        return "Missing local name"
    if any(character < " " for character in address) or not all(
        "!" <= character <= "~" for character in local
    ):
        return "Local address contains control or whitespace"
    if local.startswith(".") or local.endswith(".") or ".." in local:
        return "Local address contains dot-dot" if ".." in local else "Local address starts or ends with dot"
    if _LOCAL_SPECIALS & set(local):
        return "Local address contains illegal character"
    return _domain_problem(domain)


def _domain_problem(domain: str) -> str | None:
    if not domain:
        return "Missing domain"
    if not all("!" <= character <= "~" for character in domain):
        return "Domain contains control or whitespace"
    if not all(character.isalnum() or character in "-." for character in domain):
        return "Domain contains illegal character"
    if domain.startswith("."):
        return "Domain starts with dot"
    if domain.endswith("."):
        return "Domain ends with dot"
    return "Domain contains dot-dot" if ".." in domain else None
