"""The claims in the cookie that Streamlit sets after sign-in with an identity provider.

Streamlit reads the cookie only when a session opens. All other requests must be checked here.
"""

import json
import logging
from collections.abc import Mapping
from typing import Any

from streamlit.auth_util import get_cookie_with_chunks
from streamlit.web.server.server_util import get_cookie_secret
from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

_log = logging.getLogger("tuneboard.guard")


def claims_of(cookies: Mapping[str, str]) -> dict[str, Any]:
    """The claims in a request's cookies; empty if there is no cookie, its signature is wrong or it has expired."""
    secret = get_cookie_secret()

    def signed(name: str) -> bytes | None:
        value = cookies.get(name)
        return decode_signed_value(secret, name, value.encode("latin-1")) if secret and value else None

    try:
        found = get_cookie_with_chunks(signed, USER_COOKIE_NAME)
        claims = json.loads(found) if found else {}
    except (ValueError, LookupError) as error:
        _log.warning("A sign-in cookie could not be read: %s", type(error).__name__)
        return {}
    return claims if isinstance(claims, dict) else {}
