"""The origin of a web page: scheme, host name and port, as browsers compare them (RFC 6454).

Two origins are the same only if all three are. A host name alone is not enough: every web server on a machine has the same name
and another port, and is another site.
"""

import ipaddress
import string
from dataclasses import dataclass

_DEFAULT_PORTS = {"http": 80, "https": 443}
_IN_A_NAME = frozenset(string.ascii_lowercase + string.digits + "-._")
_LONGEST = 300


@dataclass(frozen=True)
class Origin:
    """A scheme, a name and a port.

    Attributes:
        scheme: ``http`` or ``https``.
        name: host name or address in lower case; an IPv6 address without brackets.
        port: port number; the scheme's default if none is given.
    """

    scheme: str
    name: str
    port: int

    def __str__(self) -> str:
        name = f"[{self.name}]" if ":" in self.name else self.name
        return f"{self.scheme}://{name}" + ("" if self.port == _DEFAULT_PORTS[self.scheme] else f":{self.port}")

    @property
    def host(self) -> str:
        """The ``Host`` header that a browser sends on a page of this origin."""
        return str(self).partition("://")[2]


def parse_origin(text: str) -> Origin | None:
    """The origin in an ``Origin`` header or a setting; ``None`` for ``null`` and for anything that is not exactly an origin."""
    scheme, _, host = text.partition("://")
    return parse_host(scheme.lower(), host)


def parse_host(scheme: str, host: str) -> Origin | None:
    """The origin of pages that this ``Host`` serves over this scheme; ``None`` if it cannot be parsed."""
    host = host.lower() if host.isascii() and len(host) <= _LONGEST else ""
    if host.startswith("["):
        name, bracket, rest = host[1:].partition("]")
        try:
            name = str(ipaddress.IPv6Address(name if bracket and "%" not in name else ""))
        except ValueError:
            return None
    else:
        name, colon, rest = host.partition(":")
        rest = colon + rest
        if not name or not _IN_A_NAME.issuperset(name):  # no user, path, space, percent sign or wildcard
            return None
    port = _DEFAULT_PORTS.get(scheme) if not rest else _port(rest)
    return None if port is None or scheme not in _DEFAULT_PORTS else Origin(scheme, name, port)


def _port(rest: str) -> int | None:
    """The port in a suffix such as ``:8501``; ``None`` if it is not valid."""
    digits = rest[1:]
    if rest[0] != ":" or not digits.isdecimal() or len(digits) > 5:
        return None
    return int(digits) if 0 < int(digits) < 65536 else None
