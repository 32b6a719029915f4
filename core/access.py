"""Who may use the dashboard, and which address it may listen on for that: the rules, read once from ``TUNEBOARD_*``.

On an address of this machine only, nobody signs in, and everything belongs to whoever sits there. On any other the dashboard
starts only if it knows its users: by OpenID Connect, or by the name that a reverse proxy in front of it has established.
"""

import fnmatch
import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from core.errors import ConfigError, UserError
from core.settings import listed, whole_number

LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
"""What this machine calls itself in an address bar."""

SECRET_HEADER = "X-Tuneboard-Proxy-Secret"
"""Header in which a proxy proves that it is the trusted one, where a secret was agreed."""

_SHORTEST_SECRET = 24


class AccessControl(StrEnum):
    """How the dashboard knows who is there."""

    NONE = "none"
    OIDC = "oidc"
    PROXY = "proxy"


@dataclass(frozen=True)
class User:
    """Somebody who has signed in.

    Attributes:
        name: what identifies them for good, such as an e-mail address; lower case.
        is_administrator: whether they see and change what belongs to others.
    """

    name: str
    is_administrator: bool = False


@dataclass(frozen=True, kw_only=True)
class Access:
    """The rules of one server.

    Attributes:
        control: how users are known.
        address: what the server listens on; this machine alone unless told otherwise.
        port: where it listens.
        allowed_hosts: names under which browsers may ask for the dashboard; this machine's own unless told.
        users: patterns of those who may come in, such as ``*@example.org``.
        administrators: those who see and change what belongs to others.
        user_header: header in which a proxy names the user.
        trusted_proxies: addresses or networks a proxy may connect from.
        proxy_secret: what a proxy must send in ``SECRET_HEADER``; empty where none was agreed.
        user_claim: which claim of the identity provider names the user.
    """

    control: AccessControl = AccessControl.NONE
    address: str = "127.0.0.1"
    port: int = 8501
    allowed_hosts: tuple[str, ...] = LOCAL_NAMES
    users: tuple[str, ...] = ()
    administrators: tuple[str, ...] = ()
    user_header: str = ""
    trusted_proxies: tuple[str, ...] = ("127.0.0.1", "::1")
    proxy_secret: str = ""
    user_claim: str = "email"

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> "Access":
        """Read the rules.

        Raises:
            ConfigError: a variable holds something that cannot be.
        """
        environ = os.environ if environ is None else environ
        raw = environ.get("TUNEBOARD_ACCESS", "").strip().lower() or AccessControl.NONE.value
        if raw not in set(AccessControl):
            raise ConfigError("TUNEBOARD_ACCESS", f"is {raw!r}; expected none, oidc or proxy. Correct or unset the variable.")
        access = cls(
            control=AccessControl(raw),
            address=environ.get("TUNEBOARD_ADDRESS", "").strip() or cls.address,
            port=whole_number(environ, "TUNEBOARD_PORT", cls.port, minimum=1),
            allowed_hosts=listed(environ, "TUNEBOARD_ALLOWED_HOSTS") or cls.allowed_hosts,
            users=_names(environ, "TUNEBOARD_USERS"),
            administrators=_names(environ, "TUNEBOARD_ADMINISTRATORS"),
            user_header=environ.get("TUNEBOARD_USER_HEADER", "").strip(),
            trusted_proxies=listed(environ, "TUNEBOARD_TRUSTED_PROXIES") or cls.trusted_proxies,
            proxy_secret=environ.get("TUNEBOARD_PROXY_SECRET", ""),
            user_claim=environ.get("TUNEBOARD_USER_CLAIM", "").strip() or cls.user_claim,
        )
        for network in access.trusted_proxies:
            _network(network)
        return access

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach the address."""
        return is_loopback(self.address)

    def check_start(self, *, can_sign_in: bool) -> None:
        """Refuse to start a server that could not tell its users from strangers.

        Args:
            can_sign_in: whether Streamlit has an identity provider configured.

        Raises:
            UserError: says what is missing.
        """
        if self.control is AccessControl.NONE:
            if not self.is_local:
                raise UserError(
                    f"Tuneboard would listen on {self.address}, where others can reach it, and nobody has to sign in. "
                    "Set TUNEBOARD_ACCESS to oidc or proxy as SECURITY.md describes, or leave TUNEBOARD_ADDRESS at 127.0.0.1."
                )
            return
        if not self.users:
            raise UserError(
                "TUNEBOARD_USERS does not say who may come in. List names between commas, such as "
                "ada@example.org,*@lab.example.org; * lets in everybody whom the identity provider or the proxy lets through."
            )
        if set(self.allowed_hosts) <= set(LOCAL_NAMES) and not self.is_local:
            raise UserError(
                "TUNEBOARD_ALLOWED_HOSTS does not say under which name browsers ask for this dashboard. "
                "Set it to that name, such as tuneboard.example.org."
            )
        if self.control is AccessControl.OIDC and not can_sign_in:
            raise UserError(
                "TUNEBOARD_ACCESS is oidc, but no identity provider is configured. Write an [auth] section with redirect_uri, "
                "cookie_secret (24 characters or more), client_id, client_secret and server_metadata_url into "
                ".streamlit/secrets.toml, and install the package Authlib ('pip install \"streamlit[auth]\"')."
            )
        if self.control is AccessControl.PROXY:
            self._check_proxy()

    def trusts_peer(self, host: str | None) -> bool:
        """Whether a connection from this address may be the proxy's."""
        try:
            address = ipaddress.ip_address(host or "")
        except ValueError:
            return False
        plain = getattr(address, "ipv4_mapped", None) or address
        return any(plain in _network(network) for network in self.trusted_proxies)

    def user(self, name: str) -> User | None:
        """The user of this name, or nothing if they may not come in."""
        name = name.strip().lower()
        if not name or len(name) > 320 or not name.isprintable():
            return None
        if name in self.administrators:
            return User(name, is_administrator=True)
        return User(name) if any(fnmatch.fnmatchcase(name, pattern) for pattern in self.users) else None

    def described(self) -> dict[str, Any]:
        """Variable -> what holds now, for people to read; the secret is only said to be there."""
        return {
            "TUNEBOARD_ACCESS": self.control.value,
            "TUNEBOARD_ADDRESS": self.address,
            "TUNEBOARD_PORT": self.port,
            "TUNEBOARD_ALLOWED_HOSTS": self.allowed_hosts,
            "TUNEBOARD_USERS": self.users,
            "TUNEBOARD_ADMINISTRATORS": self.administrators,
            "TUNEBOARD_USER_HEADER": self.user_header,
            "TUNEBOARD_TRUSTED_PROXIES": self.trusted_proxies,
            "TUNEBOARD_PROXY_SECRET": "set" if self.proxy_secret else "",
            "TUNEBOARD_USER_CLAIM": self.user_claim,
        }

    def _check_proxy(self) -> None:
        if not self.user_header:
            raise UserError(
                "TUNEBOARD_ACCESS is proxy, but TUNEBOARD_USER_HEADER does not say in which header the proxy names the user. "
                "Set it to that header, such as X-Forwarded-User, which the proxy must set itself on every request."
            )
        if self.proxy_secret and len(self.proxy_secret) < _SHORTEST_SECRET:
            raise UserError(
                f"TUNEBOARD_PROXY_SECRET has fewer than {_SHORTEST_SECRET} characters and could be guessed. "
                "Make one with 'python -c \"import secrets; print(secrets.token_urlsafe())\"'."
            )
        everybody = [network for network in self.trusted_proxies if _network(network).prefixlen == 0]
        if everybody and not self.proxy_secret:
            raise UserError(
                f"TUNEBOARD_TRUSTED_PROXIES holds {everybody[0]}, which is everybody. Name the proxy's own address, "
                "or agree on a secret with it in TUNEBOARD_PROXY_SECRET."
            )


def is_loopback(address: str | None) -> bool:
    """Whether an address to listen on can be reached from this machine only; no address means all there are."""
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address or "").is_loopback
    except ValueError:
        return False


def _names(environ: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(one.lower() for one in listed(environ, name))


def _network(raw: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(raw, strict=False)
    except ValueError:
        raise ConfigError(
            "TUNEBOARD_TRUSTED_PROXIES", f"holds {raw!r}; expected addresses or networks such as 10.0.0.5 or 10.0.0.0/24."
        ) from None
