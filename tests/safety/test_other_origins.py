"""Pages of other origins cannot drive the dashboard: scheme, name and port must be its own, or those of a configured proxy."""

import http.client
from collections.abc import Iterator

import pytest
from streamlit.web.server.starlette.starlette_app_utils import generate_xsrf_token_string

from core.config.access import Access
from core.errors import ConfigError
from dashboard.__main__ import with_own_origins
from tests.safety.knocking import Served, serving
from tests.safety.test_who_may_come_in import NAMES, SECRET, fill, from_proxy, letters

COMMAND = ["dashboard", "--headless", "--port", "PORT"]
PATHS = [
    ("PUT", "/_stcore/upload_file/a/b"),
    ("DELETE", "/_stcore/upload_file/a/b"),
    ("OPTIONS", "/_stcore/upload_file/a/b"),
    ("GET", "/media/nothing"),
    ("GET", "/_stcore/host-config"),
    ("GET", "/component/nothing"),
    ("GET", "/"),
]


def ask(server: Served, method: str, path: str, headers: list[tuple[str, str]]) -> tuple[int, str, dict[str, str]]:
    """Status, text and headers of an answer to exactly these headers, ``Host`` included."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.putrequest(method, path, skip_host=True)
        for name, value in headers:
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace"), dict(answer.getheaders())
    finally:
        connection.close()


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server as `make run` starts it."""
    folder = tmp_path_factory.mktemp("alone")
    fill(folder)
    with serving(folder, COMMAND) as server:
        yield server


def strange_origins(port: int) -> list[str]:
    """Every combination of name, port and scheme that is not a page of a server that was asked as 127.0.0.1, and worse."""
    names = ["127.0.0.1", "localhost", "localhost.", "[::1]", "127.0.0.1.", "evil.example", "127.0.0.1.evil.example"]
    found = {
        f"{scheme}://{name}{suffix}"
        for scheme in ("http", "https", "ftp", "file", "chrome-extension")
        for name in names
        for suffix in ("", f":{port}", f":{port + 1}", ":9999")
    }
    tricks = [
        "null",
        "",
        f"//127.0.0.1:{port}",
        f"127.0.0.1:{port}",
        f"http://127.0.0.1:{port}/",
        f"http://127.0.0.1:{port}@evil.example",
        f"http://evil.example@127.0.0.1:{port}",
        f"http://127.0.0.1:{port}#@evil.example",
        f"http://127.0.0.1:{port},http://evil.example",
        f"http://evil.example http://127.0.0.1:{port}",
        f"http://127.0.0.1:{port}:{port}",
        f"http://127.1:{port}",
        f"http://2130706433:{port}",
        f"http://[::ffff:127.0.0.1]:{port}",
    ]
    return sorted((found | set(tricks)) - {f"http://127.0.0.1:{port}"})


def test_no_page_of_another_origin_opens_a_session(alone: Served) -> None:
    let_in = [origin for origin in strange_origins(alone.port) if alone.knock(origin=origin) != 403]

    assert let_in == []
    assert letters(alone.page(origin=f"http://127.0.0.1:{alone.port}")) == {"ada", "ben", "nobody"}


@pytest.mark.parametrize("name", ["localhost", "[::1]", "LOCALHOST"])
def test_the_dashboards_own_page_opens_a_session_under_each_of_its_names(alone: Served, name: str) -> None:
    host = {"Host": f"{name}:{alone.port}"}

    assert alone.knock(host, origin=f"http://{name.lower()}:{alone.port}") == 101
    assert alone.knock(host, origin=f"http://127.0.0.1:{alone.port}") == 403


def test_a_session_without_an_origin_is_refused_because_every_browser_names_one(alone: Served) -> None:
    assert alone.knock(origin=None) == 403


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_no_page_of_another_origin_gets_anything_else_either(alone: Served, method: str, path: str) -> None:
    token = generate_xsrf_token_string()
    host = f"127.0.0.1:{alone.port}"
    own = [("Host", host), ("X-Xsrftoken", token), ("Cookie", f"_streamlit_xsrf={token}"), ("Content-Length", "0")]
    for origin in strange_origins(alone.port):
        status, said, headers = ask(alone, method, path, [*own, ("Origin", origin)])
        assert (status, said) == (403, "This request came from another site (origin not allowed).\n"), origin
        assert not [name for name in headers if name.lower().startswith("access-control-")], origin

    assert ask(alone, method, path, [*own, ("Origin", f"http://{host}")])[0] != 403


def test_two_origins_in_one_request_are_none(alone: Served) -> None:
    host = f"127.0.0.1:{alone.port}"
    sent = [("Host", host), ("Origin", f"http://{host}"), ("Origin", "http://evil.example")]

    assert ask(alone, "GET", "/media/nothing", sent)[0] == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site", "nonsense"])
@pytest.mark.parametrize("path", ["/media/nothing", "/_stcore/host-config", "/component/nothing"])
def test_another_site_cannot_embed_files(alone: Served, path: str, site: str) -> None:
    assert alone.get(path, {"Sec-Fetch-Site": site})[0] == 403
    assert alone.get("/", {"Sec-Fetch-Site": site})[0] == 200, "a link to the dashboard may be anywhere"


def test_no_answer_names_an_origin_that_may_read_it(alone: Served) -> None:
    host = f"127.0.0.1:{alone.port}"
    for path in ("/_stcore/health", "/_stcore/host-config", "/media/nothing", "/_stcore/upload_file/a/b"):
        for method in ("GET", "OPTIONS"):
            _, _, headers = ask(alone, method, path, [("Host", host), ("Origin", f"http://{host}")])
            assert not [name for name in headers if name.lower().startswith("access-control-allow-origin")], path


@pytest.fixture(scope="module")
def behind_proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server whose proxy shows it under two addresses, and whose names were given by a pattern."""
    folder = tmp_path_factory.mktemp("proxied")
    fill(folder)
    told = {
        "TUNEBOARD_ACCESS": "proxy",
        "TUNEBOARD_USER_HEADER": "X-Forwarded-User",
        "TUNEBOARD_PROXY_SECRET": SECRET,
        "TUNEBOARD_ALLOWED_HOSTS": "*.example.org,127.0.0.1",
        "TUNEBOARD_ALLOWED_ORIGINS": "https://tuneboard.example.org/, http://desk.example.org:8080",
    }
    with serving(folder, COMMAND, **told, **NAMES) as server:
        yield server


@pytest.mark.parametrize("origin", ["https://tuneboard.example.org", "http://desk.example.org:8080"])
@pytest.mark.parametrize("host", ["tuneboard.example.org", "desk.example.org", "127.0.0.1:8501"])
def test_the_configured_proxys_pages_open_a_session(behind_proxy: Served, host: str, origin: str) -> None:
    headers = from_proxy("ada@example.org") | {"Host": host}

    assert behind_proxy.knock(headers, origin=origin) == 101


def test_no_page_under_a_wildcard_opens_a_session(behind_proxy: Served) -> None:
    allowed = {"https://tuneboard.example.org", "http://desk.example.org:8080"}
    origins = {
        f"{scheme}://{name}{port}"
        for scheme in ("http", "https")
        for name in ("evil.example.org", "tuneboard.example.org", "desk.example.org", "*.example.org", "example.org")
        for port in ("", ":8080", ":443", ":80", ":8501")
    } - allowed
    origins -= {"https://tuneboard.example.org:443"}  # the same origin, though no browser writes it so
    for host in ("127.0.0.1:8501", "desk.example.org"):
        same = f"http://{host}"
        headers = from_proxy("ada@example.org") | {"Host": host}
        let_in = [one for one in sorted(origins - {same, f"{same}:80"}) if behind_proxy.knock(headers, origin=one) != 403]
        assert let_in == []


def test_a_page_behind_the_configured_proxy_shows_what_is_there(behind_proxy: Served) -> None:
    headers = from_proxy("ada@example.org") | {"Host": "tuneboard.example.org"}

    assert letters(behind_proxy.page(headers=headers, origin="https://tuneboard.example.org")) == {"ada"}


BEHIND_PROXY = {"TUNEBOARD_ACCESS": "proxy", "TUNEBOARD_USERS": "*", "TUNEBOARD_USER_HEADER": "X"}


@pytest.mark.parametrize(
    ("variables", "redirect_uri", "origins"),
    [
        (BEHIND_PROXY | {"TUNEBOARD_ALLOWED_HOSTS": "*.example.org"}, "", []),
        (BEHIND_PROXY | {"TUNEBOARD_ALLOWED_HOSTS": "a.example,*.b.example,127.0.0.1"}, "", ["https://a.example"]),
        (BEHIND_PROXY | {"TUNEBOARD_ALLOWED_HOSTS": "a.example", "TUNEBOARD_ALLOWED_ORIGINS": "http://c.example:81"}, "",
         ["http://c.example:81"]),
        ({"TUNEBOARD_ALLOWED_HOSTS": "a.example"}, "", []),
        ({"TUNEBOARD_ALLOWED_HOSTS": "*.b.example"}, "", []),
        ({"TUNEBOARD_ACCESS": "oidc"}, "https://a.example/oauth2callback", ["https://a.example"]),
        ({"TUNEBOARD_ACCESS": "oidc"}, "https://a.example:8443/oauth2callback", ["https://a.example:8443"]),
    ],
)  # fmt: skip
def test_older_settings_stand_for_one_exact_origin_and_patterns_for_none(
    variables: dict[str, str], redirect_uri: str, origins: list[str]
) -> None:
    access, said = with_own_origins(Access.from_environment(variables), redirect_uri)

    assert [str(origin) for origin in access.allowed_origins] == origins
    patterns = [name for name in access.allowed_hosts if "*" in name]
    assert all(name in said for name in patterns)
    assert "\n" not in said
    assert ("TUNEBOARD_ALLOWED_ORIGINS" in said) is not bool(redirect_uri or "TUNEBOARD_ALLOWED_ORIGINS" in variables)


@pytest.mark.parametrize("origin", ["*", "https://*.example.org", "tuneboard.example.org", "https://a.example/path", "null"])
def test_a_configured_origin_that_is_not_exact_stops_the_start(origin: str) -> None:
    with pytest.raises(ConfigError, match=r"TUNEBOARD_ALLOWED_ORIGINS.*such as https://tuneboard.example.org"):
        Access.from_environment({"TUNEBOARD_ALLOWED_ORIGINS": f"https://a.example,{origin}"})
