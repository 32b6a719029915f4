"""Who may use the dashboard, and which address it may listen on for that: the rules, read once from ``TUNEBOARD_*``.

On an address of this machine only, nobody signs in, and everything belongs to whoever sits there. On any other the dashboard
starts only if it knows its users: by OpenID Connect, or by the name that a reverse proxy in front of it has established.
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
"""What this machine calls itself in an address bar."""

SECRET_HEADER = "X-Tuneboard-Proxy-Secret"
"""Header in which a proxy proves that it is the trusted one, where a secret was agreed."""

_SHORTEST_SECRET = 24
_LONGEST_SHOWN = 80


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
        allowed_origins: addresses under which a proxy shows the dashboard, each with scheme, name and port, never a pattern.
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
        """Names that a request's ``Host`` may say, patterns such as ``*.example.org`` among them, in small letters."""
        own = (name.lower().rstrip(".").removeprefix("[").removesuffix("]") for name in self.allowed_hosts)
        return tuple(dict.fromkeys([*own, *(origin.name for origin in self.allowed_origins)]))

    @property
    def shown_as(self) -> str:
        """The name to print for people: the first one that others ask for, else this machine's address."""
        return next((name for name in self.host_names if name not in LOCAL_NAMES and "*" not in name), "127.0.0.1")

    def with_proxy_origins(self) -> tuple["Access", str]:
        """The rules with the origins that older settings stand for, where ``TUNEBOARD_ALLOWED_ORIGINS`` is not set.

        A proxy that signs people in usually adds TLS, which its name in ``TUNEBOARD_ALLOWED_HOSTS`` does not say: the name stands
        for its https address on the usual port. A pattern stands for no origin: whoever has any page below it would be let in.

        Returns:
            the rules, and a line for whoever runs the server; empty where there is nothing to say.
        """
        names = [name for name in self.host_names if name not in LOCAL_NAMES]
        if self.allowed_origins or not names:
            return self, ""
        patterns = [name for name in names if "*" in name]
        found = [parse_origin(f"https://{name}") for name in names] if self.control is AccessControl.PROXY else []
        origins = tuple(origin for origin in found if origin is not None)
        said = f" {', '.join(patterns)} in TUNEBOARD_ALLOWED_HOSTS stands for no origin." if patterns else ""
        taken = f" Taken from TUNEBOARD_ALLOWED_HOSTS: {', '.join(map(str, origins))}." if origins else ""
        return dataclasses.replace(self, allowed_origins=origins), (
            f"TUNEBOARD_ALLOWED_ORIGINS is not set.{taken}{said} Where a proxy shows the dashboard under another scheme, name or "
            "port than it asks for, set it to that address, such as https://tuneboard.example.org."
        )

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
        if set(self.host_names) <= set(LOCAL_NAMES) and not self.is_local:
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
        """The user of this name, or None if they may not come in."""
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
            UserError: they name nobody who may come in, or an e-mail address that the provider does not call verified.
        """
        claimed = claims.get(self.user_claim)
        name = claimed if isinstance(claimed, str) else ""
        if self.user_claim == "email" and name and claims.get("email_verified") is not True:
            raise UserError(
                "The identity provider does not say that your e-mail address is verified. Verify it there, then sign in again. "
                "If the provider never says so, whoever runs the dashboard can name another claim in TUNEBOARD_USER_CLAIM."
            )
        user = self.user(name)
        if user is None:
            raise UserError(_not_one_of_them(name))
        return user

    def described(self) -> dict[str, Any]:
        """Variable -> what holds now, for people to read; the secret is only said to be there."""
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


def _not_one_of_them(name: str) -> str:
    shown = name if len(name) <= _LONGEST_SHOWN else f"{name[:_LONGEST_SHOWN]}…"
    return f"{shown or 'Somebody without a name'} is not one of those who may use this dashboard. Ask whoever runs it."


def _names(environ: Mapping[str, str], variable: str) -> tuple[str, ...]:
    names = listed(environ, variable)
    folded = [folded_name(name) for name in names]
    if None in folded:
        raise ConfigError(
            variable,
            f"holds {names[folded.index(None)][:_LONGEST_SHOWN]!r}; expected names of printable letters, none of which could be "
            "taken for an ASCII letter, such as ada@example.org. Type it again on a plain keyboard.",
        )
    return tuple(name for name in folded if name is not None)


def _origins(environ: Mapping[str, str]) -> tuple[Origin, ...]:
    found = []
    for one in listed(environ, "TUNEBOARD_ALLOWED_ORIGINS"):
        origin = parse_origin(one.removesuffix("/"))
        if origin is None:
            raise ConfigError(
                "TUNEBOARD_ALLOWED_ORIGINS",
                f"holds {one[:_LONGEST_SHOWN]!r}; expected addresses with scheme and name, and the port if it is not the usual "
                "one, such as https://tuneboard.example.org. Patterns with * are not taken: name each address.",
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
