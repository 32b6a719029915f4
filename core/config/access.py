"""Access control: who may use the dashboard, and on which address it may listen; read once from ``TUNEBOARD_*``.

On a loopback address nobody signs in, and everything belongs to the local user. On any other address the dashboard starts only
with authentication: by OpenID Connect, or by the user name that a reverse proxy in front of it has authenticated.
"""

import dataclasses
import fnmatch
import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from core.config.origins import Origin, parse_origin
from core.config.settings import listed, whole_number
from core.errors import ConfigError, UserError
from core.names import folded_name

LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
"""Host names of this machine in an address bar."""

SECRET_HEADER = "X-Tuneboard-Proxy-Secret"
"""Header in which the proxy sends the shared secret, if one is set."""

_SHORTEST_SECRET = 24
_LONGEST_SHOWN = 80


class AccessControl(StrEnum):
    """How users are authenticated."""

    NONE = "none"
    OIDC = "oidc"
    PROXY = "proxy"


@dataclass(frozen=True)
class User:
    """A signed-in user.

    Attributes:
        name: permanent identifier, such as an e-mail address; lower case.
        is_administrator: whether they see and change what belongs to others.
    """

    name: str
    is_administrator: bool = False


@dataclass(frozen=True, kw_only=True)
class Access:
    """The access rules of one server.

    Attributes:
        control: how users are authenticated.
        address: address the server listens on; loopback by default.
        port: port it listens on.
        allowed_hosts: host names under which browsers may open the dashboard; this machine's own by default.
        allowed_origins: origins under which a proxy serves the dashboard, each with scheme, name and port, never a pattern.
        users: patterns of users who may sign in, such as ``*@example.org``.
        administrators: users who see and change what belongs to others.
        user_header: header in which a proxy names the user.
        trusted_proxies: addresses or networks a proxy may connect from.
        proxy_secret: what a proxy must send in ``SECRET_HEADER``; empty if none is set.
        user_claim: claim of the identity provider that names the user.
    """

    control: AccessControl = AccessControl.NONE
    address: str = "127.0.0.1"
    port: int = 8501
    allowed_hosts: tuple[str, ...] = LOCAL_NAMES
    allowed_origins: tuple[Origin, ...] = ()
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
            ConfigError: a variable has an invalid value.
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
            allowed_origins=_origins(environ),
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

    @property
    def host_names(self) -> tuple[str, ...]:
        """Allowed values of a request's ``Host``, in lower case; may contain patterns such as ``*.example.org``."""
        own = (name.lower().rstrip(".").removeprefix("[").removesuffix("]") for name in self.allowed_hosts)
        return tuple(dict.fromkeys([*own, *(origin.name for origin in self.allowed_origins)]))

    @property
    def shown_as(self) -> str:
        """The host name to print: the first public one, else this machine's address."""
        return next((name for name in self.host_names if name not in LOCAL_NAMES and "*" not in name), "127.0.0.1")

    def with_proxy_origins(self) -> tuple["Access", str]:
        """The rules with origins derived from older settings, if ``TUNEBOARD_ALLOWED_ORIGINS`` is not set.

        A proxy that signs users in usually adds TLS, so a name in ``TUNEBOARD_ALLOWED_HOSTS`` is taken as its https address on
        the default port. No origin is derived from a pattern, because every site below it would then be allowed.

        Returns:
            the rules, and a line for the administrator of the server; empty if there is nothing to report.
        """
        names = [name for name in self.host_names if name not in LOCAL_NAMES]
        if self.allowed_origins or not names:
            return self, ""
        patterns = [name for name in names if "*" in name]
        found = [parse_origin(f"https://{name}") for name in names] if self.control is AccessControl.PROXY else []
        origins = tuple(origin for origin in found if origin is not None)
        said = f" No origin can be derived from the pattern {', '.join(patterns)} in TUNEBOARD_ALLOWED_HOSTS." if patterns else ""
        taken = f" Derived from TUNEBOARD_ALLOWED_HOSTS: {', '.join(map(str, origins))}." if origins else ""
        return dataclasses.replace(self, allowed_origins=origins), (
            f"TUNEBOARD_ALLOWED_ORIGINS is not set.{taken}{said} If a proxy serves the dashboard under another scheme, host name "
            "or port than it forwards to, set it to the public address, such as https://tuneboard.example.org."
        )

    def check_start(self, *, can_sign_in: bool) -> None:
        """Refuse to start a server that others can reach without authentication.

        Args:
            can_sign_in: whether Streamlit has an identity provider configured.

        Raises:
            UserError: names what is missing.
        """
        if self.control is AccessControl.NONE:
            if not self.is_local:
                raise UserError(
                    f"Tuneboard would listen on {self.address}, where others can reach it without signing in. "
                    "Set TUNEBOARD_ACCESS to oidc or proxy as SECURITY.md describes, or leave TUNEBOARD_ADDRESS at 127.0.0.1."
                )
            return
        if not self.users:
            raise UserError(
                "TUNEBOARD_USERS does not say who may sign in. List the users, separated by commas, such as "
                "ada@example.org,*@lab.example.org; * allows everyone whom the identity provider or the proxy authenticates."
            )
        if set(self.host_names) <= set(LOCAL_NAMES) and not self.is_local:
            raise UserError(
                "TUNEBOARD_ALLOWED_HOSTS does not contain the host name under which browsers open this dashboard. "
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
        """Whether a connection from this address may come from the proxy."""
        try:
            address = ipaddress.ip_address(host or "")
        except ValueError:
            return False
        plain = getattr(address, "ipv4_mapped", None) or address
        return any(plain in _network(network) for network in self.trusted_proxies)

    def user(self, name: str) -> User | None:
        """The user of this name, or ``None`` if they may not sign in."""
        folded = folded_name(name)
        if folded is None:
            return None
        name = folded
        if name in self.administrators:
            return User(name, is_administrator=True)
        return User(name) if any(fnmatch.fnmatchcase(name, pattern) for pattern in self.users) else None

    def user_of_claims(self, claims: Mapping[str, object]) -> User:
        """The user whom an identity provider's claims name.

        Raises:
            UserError: the user may not sign in, or the provider has not verified the e-mail address.
        """
        claimed = claims.get(self.user_claim)
        name = claimed if isinstance(claimed, str) else ""
        if self.user_claim == "email" and name and claims.get("email_verified") is not True:
            raise UserError(
                "The identity provider does not report your e-mail address as verified. Verify it there, then sign in again. "
                "If the provider never reports this, the dashboard's administrator can set another claim in TUNEBOARD_USER_CLAIM."
            )
        user = self.user(name)
        if user is None:
            raise UserError(_not_one_of_them(name))
        return user

    def described(self) -> dict[str, Any]:
        """Variable -> current value, for display; of the secret only whether it is set."""
        return {
            "TUNEBOARD_ACCESS": self.control.value,
            "TUNEBOARD_ADDRESS": self.address,
            "TUNEBOARD_PORT": self.port,
            "TUNEBOARD_ALLOWED_HOSTS": self.allowed_hosts,
            "TUNEBOARD_ALLOWED_ORIGINS": tuple(map(str, self.allowed_origins)),
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
                "TUNEBOARD_ACCESS is proxy, but TUNEBOARD_USER_HEADER is not set. Set it to the header in which the proxy names "
                "the user, such as X-Forwarded-User. The proxy must set this header itself on every request."
            )
        if self.proxy_secret and len(self.proxy_secret) < _SHORTEST_SECRET:
            raise UserError(
                f"TUNEBOARD_PROXY_SECRET has fewer than {_SHORTEST_SECRET} characters and could be guessed. "
                "Generate one with 'python -c \"import secrets; print(secrets.token_urlsafe())\"'."
            )
        everybody = [network for network in self.trusted_proxies if _network(network).prefixlen == 0]
        if everybody and not self.proxy_secret:
            raise UserError(
                f"TUNEBOARD_TRUSTED_PROXIES is {everybody[0]}, which trusts every address. Set it to the proxy's own address, "
                "or set a secret shared with the proxy in TUNEBOARD_PROXY_SECRET."
            )


def is_loopback(address: str | None) -> bool:
    """Whether an address to listen on can be reached from this machine only; no address means all interfaces."""
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address or "").is_loopback
    except ValueError:
        return False


def _not_one_of_them(name: str) -> str:
    shown = name if len(name) <= _LONGEST_SHOWN else f"{name[:_LONGEST_SHOWN]}…"
    return f"{shown or 'A user without a name'} is not allowed to use this dashboard. Ask its administrator for access."


def _names(environ: Mapping[str, str], variable: str) -> tuple[str, ...]:
    names = listed(environ, variable)
    folded = [folded_name(name) for name in names]
    if None in folded:
        raise ConfigError(
            variable,
            f"holds {names[folded.index(None)][:_LONGEST_SHOWN]!r}; expected names of printable characters, none of which looks "
            "like an ASCII letter without being one, such as ada@example.org. Type the name again by hand.",
        )
    return tuple(name for name in folded if name is not None)


def _origins(environ: Mapping[str, str]) -> tuple[Origin, ...]:
    found = []
    for one in listed(environ, "TUNEBOARD_ALLOWED_ORIGINS"):
        origin = parse_origin(one.removesuffix("/"))
        if origin is None:
            raise ConfigError(
                "TUNEBOARD_ALLOWED_ORIGINS",
                f"holds {one[:_LONGEST_SHOWN]!r}; expected addresses with scheme and host name, and the port if it is not the "
                "default, such as https://tuneboard.example.org. Patterns with * are not allowed: list each address.",
            )
        found.append(origin)
    return tuple(dict.fromkeys(found))


def _network(raw: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(raw, strict=False)
    except ValueError:
        raise ConfigError(
            "TUNEBOARD_TRUSTED_PROXIES", f"holds {raw!r}; expected addresses or networks such as 10.0.0.5 or 10.0.0.0/24."
        ) from None
