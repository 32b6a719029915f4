"""A small OpenID Connect provider on this machine that lets everybody in under one name."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwk, jwt

CLIENT = "tuneboard"


class _Answers(BaseHTTPRequestHandler):
    server: "_Provider"

    def do_GET(self) -> None:
        """The provider's description, its keys, and the page on which people would sign in."""
        path, query = urlsplit(self.path).path, {name: value[0] for name, value in parse_qs(urlsplit(self.path).query).items()}
        if path == "/.well-known/openid-configuration":
            self._say(self.server.description)
        elif path == "/keys":
            self._say({"keys": [self.server.key.as_dict(private=False)]})
        elif path == "/authorize":
            self.server.nonce = query.get("nonce", "")
            self.send_response(302)
            self.send_header("Location", f"{query['redirect_uri']}?{urlencode({'code': 'one-time', 'state': query['state']})}")
            self.end_headers()

    def do_POST(self) -> None:
        """Who came with the code."""
        self.rfile.read(int(self.headers["Content-Length"]))
        now = int(time.time())
        claims = {"iss": self.server.address, "aud": CLIENT, "sub": "1", "iat": now, "exp": now + 300, "nonce": self.server.nonce}
        claims |= {"email": self.server.email, "email_verified": True}
        token = jwt.encode({"alg": "RS256", "kid": "k"}, claims, self.server.key)
        self._say({"access_token": "a", "token_type": "Bearer", "expires_in": 300, "id_token": token})

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _say(self, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _Provider(ThreadingHTTPServer):
    def __init__(self, email: str) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.email, self.nonce = email, ""
        self.key = jwk.RSAKey.generate_key(2048, {"kid": "k", "use": "sig", "alg": "RS256"})
        self.address = f"http://127.0.0.1:{self.server_port}"
        self.description = {
            "issuer": self.address,
            "authorization_endpoint": f"{self.address}/authorize",
            "token_endpoint": f"{self.address}/token",
            "jwks_uri": f"{self.address}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }


@contextmanager
def provider(email: str) -> Iterator[str]:
    """A provider at work; where it describes itself."""
    server = _Provider(email)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"{server.address}/.well-known/openid-configuration"
    server.shutdown()
    server.server_close()
    thread.join()
