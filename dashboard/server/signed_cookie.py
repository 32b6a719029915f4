"""What the cookie says that Streamlit sets once an identity provider has named somebody.

Streamlit reads it when a session opens and not again. Whatever else is asked for must be looked at here.
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
    """The claims in a request's cookies; empty where none is there, or it was signed by somebody else or is too old."""
    secret = get_cookie_secret()

    def signed(name: str) -> bytes | None:
        value = cookies.get(name)
        return decode_signed_value(secret, name, value.encode("latin-1")) if secret and value else None

    try:
        found = get_cookie_with_chunks(signed, USER_COOKIE_NAME)
        claims = json.loads(found) if found else {}
    except (ValueError, LookupError) as error:
        _log.warning("A cookie could not be read: %s", type(error).__name__)
        return {}
    return claims if isinstance(claims, dict) else {}
