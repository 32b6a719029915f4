"""Unauthorized visitors see nothing: on the loopback address, behind a proxy, and with an identity provider."""

import json
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value, generate_xsrf_token_string

from core.config.access import SECRET_HEADER, Access, User
from core.config.settings import PROJECT_ROOT
from core.errors import ConfigError, UserError
from core.runs.store.records import DatasetRecord
from core.runs.store.store import Store
from tests.safety.knocking import Served, free_port, serving, surroundings

DATASET = DatasetRecord(
    id="20260101-000000-aaaaa",
    name="letters of ada",
    task="single_label",
    num_examples=4,
    num_labels=2,
    content_hash="c" * 64,
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
    owner="ada@example.org",
)
SECRET = "correct-horse-battery-staple"
NAMES = {"TUNEBOARD_USERS": "*@example.org", "TUNEBOARD_ADMINISTRATORS": "root@example.org"}


def start(*command: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Try to start a server that should refuse to."""
    environment = surroundings(folder) | variables
    run = [sys.executable, "-m", *command]
    return subprocess.run(run, cwd=PROJECT_ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)


def fill(folder: Path) -> None:
    """Two people's data sets, and one from before anybody signed in."""
    (folder / "workspace").mkdir(parents=True)
    store = Store(f"sqlite:///{folder / 'workspace' / 'tuneboard.db'}")
    for number, name in enumerate(("ada", "ben")):
        own = replace(DATASET, id=f"20260101-00000{number}-aaaaa", name=f"letters of {name}", owner=f"{name}@example.org")
        store.add_dataset(own)
    store.add_dataset(replace(DATASET, id="20260101-000009-aaaaa", name="letters of nobody", owner=None))
    store.close()


def letters(page: str | int) -> set[str]:
    """Whose data sets a page shows."""
    assert isinstance(page, str), f"refused with {page}"
    return {name for name in ("ada", "ben", "nobody") if f"letters of {name}" in page}


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"TUNEBOARD_ADDRESS": "0.0.0.0"}, "where others can reach it without signing in"),
        ({"TUNEBOARD_ADDRESS": "0.0.0.0", "TUNEBOARD_ACCESS": "proxy"}, "TUNEBOARD_USERS"),
        ({"TUNEBOARD_ACCESS": "oidc", "TUNEBOARD_USERS": "*"}, "no identity provider"),
    ],
)
def test_a_server_that_could_not_tell_its_users_does_not_start(tmp_path: Path, variables: dict[str, str], said: str) -> None:
    done = start("dashboard", "--headless", "--port", str(free_port()), folder=tmp_path, **variables)

    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_started_past_the_check_on_an_open_address_it_shows_nothing(tmp_path: Path) -> None:
    fill(tmp_path)
    app = str(PROJECT_ROOT / "dashboard" / "app.py")
    command = ["streamlit", "run", app, "--server.address", "0.0.0.0", "--server.port", "PORT", "--server.headless", "true"]
    with serving(tmp_path, [*command, "--browser.serverAddress", "localhost"]) as server:
        page = server.page()

    assert letters(page) == set()
    assert "Access denied" in str(page)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server as `make run` starts it."""
    folder = tmp_path_factory.mktemp("alone")
    fill(folder)
    with serving(folder, ["dashboard", "--headless", "--port", "PORT"]) as server:
        yield server


def test_on_ones_own_machine_nobody_signs_in_and_everything_is_there(alone: Served) -> None:
    assert letters(alone.page()) == {"ada", "ben", "nobody"}


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "user@127.0.0.1", "127.0.0.1:x", "", "[::1"])
def test_a_name_somebody_made_to_point_here_is_refused(alone: Served, host: str) -> None:
    assert alone.get("/", {"Host": host})[0] in {400, 403}
    assert alone.page(headers={"Host": host}) in {400, 403}


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8501", "127.0.0.1", "[::1]:8501"])
def test_this_machines_own_names_are_let_in(alone: Served, host: str) -> None:
    assert alone.get("/", {"Host": host})[0] == 200


def test_a_page_of_another_site_cannot_open_a_session(alone: Served) -> None:
    assert alone.page(origin="https://evil.example") == 403
    assert letters(alone.page(origin=f"http://127.0.0.1:{alone.port}"))


def test_a_page_of_another_site_cannot_upload(alone: Served) -> None:
    status, said, _ = alone.get("/_stcore/upload_file/a/b", {"Sec-Fetch-Site": "cross-site"}, method="PUT")

    assert (status, said) == (403, "This request came from another site (origin not allowed).\n")
    assert alone.get("/_stcore/upload_file/a/b", method="PUT")[0] in {400, 403}


@pytest.mark.parametrize("path", ["/_stcore/metrics", "/_stcore/agent/openapi.json", "/_stcore/agent/interact"])
def test_doors_for_programs_are_shut(alone: Served, path: str) -> None:
    assert alone.get(path)[0] == 404


@pytest.mark.parametrize("path", ["/", "/_stcore/health", "/static/nothing.js", "/media/nothing"])
def test_every_answer_tells_the_browser_to_fetch_nothing_from_elsewhere(alone: Served, path: str) -> None:
    _, _, headers = alone.get(path)

    policy = headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "http:" not in policy
    assert "'unsafe-inline'" not in policy.partition("script-src")[2].partition(";")[0]
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"


@pytest.fixture(scope="module")
def behind_proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that believes the name its proxy sends with the secret."""
    folder = tmp_path_factory.mktemp("proxy")
    fill(folder)
    told = {"TUNEBOARD_ACCESS": "proxy", "TUNEBOARD_USER_HEADER": "X-Forwarded-User", "TUNEBOARD_PROXY_SECRET": SECRET}
    with serving(folder, ["dashboard", "--headless", "--port", "PORT"], **told, **NAMES) as server:
        yield server


def from_proxy(name: str) -> dict[str, str]:
    return {"X-Forwarded-User": name, SECRET_HEADER: SECRET}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Forwarded-User": "ada@example.org"},
        {"X-Forwarded-User": "ada@example.org", SECRET_HEADER: "wrong"},
        {SECRET_HEADER: SECRET},
        from_proxy(""),
        from_proxy("eve@example.com"),
        from_proxy("ada@example.org.example.com"),
        from_proxy("ada@example.org") | {"X-Forwarded-For": "10.0.0.1", SECRET_HEADER: ""},
    ],
)
def test_who_did_not_come_through_the_proxy_or_is_not_known_gets_nothing(behind_proxy: Served, headers: dict[str, str]) -> None:
    assert behind_proxy.page(headers=headers) == 403
    assert behind_proxy.get("/", headers)[0] == 403
    assert behind_proxy.get("/media/x", headers)[0] == 403


def test_each_sees_their_own_and_the_administrator_everything(behind_proxy: Served) -> None:
    assert letters(behind_proxy.page(headers=from_proxy("ada@example.org"))) == {"ada"}
    assert letters(behind_proxy.page(headers=from_proxy("Ben@Example.org"))) == {"ben"}
    assert letters(behind_proxy.page(headers=from_proxy("carl@example.org"))) == set()
    assert letters(behind_proxy.page(headers=from_proxy("root@example.org"))) == {"ada", "ben", "nobody"}


@pytest.fixture(scope="module")
def with_provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with an identity provider, which nobody needs to ask: who comes with a signed cookie has signed in before."""
    folder = tmp_path_factory.mktemp("oidc")
    fill(folder)
    (folder / ".streamlit").mkdir()
    (folder / ".streamlit" / "secrets.toml").write_text(
        f'[auth]\nredirect_uri = "http://127.0.0.1/oauth2callback"\ncookie_secret = "{SECRET}"\nclient_id = "x"\n'
        'client_secret = "y"\nserver_metadata_url = "http://127.0.0.1:9/.well-known/openid-configuration"\n'
    )
    with serving(folder, ["dashboard", "--headless", "--port", "PORT"], TUNEBOARD_ACCESS="oidc", **NAMES) as server:
        yield server


def signed_in(server: Served, secret: str = SECRET, **claims: object) -> str | int:
    """The first page for somebody whose browser holds a cookie with these claims."""
    headers = cookies(server, secret, **claims)
    return server.page(headers={"Cookie": headers["Cookie"]}, token=headers["X-Xsrftoken"])


def test_who_has_not_signed_in_is_asked_to(with_provider: Served) -> None:
    page = with_provider.page()

    assert letters(page) == set()
    assert "Sign in" in str(page)


def test_who_has_signed_in_sees_their_own(with_provider: Served) -> None:
    assert letters(signed_in(with_provider, email="ada@example.org", email_verified=True)) == {"ada"}
    assert letters(signed_in(with_provider, email="root@example.org", email_verified=True)) == {"ada", "ben", "nobody"}


@pytest.mark.parametrize(
    "claims",
    [
        {"email": "eve@example.com", "email_verified": True},
        {"email": "ada@example.org", "email_verified": False},
        {"sub": "ada@example.org"},
        {"email": ""},
    ],
)
def test_who_is_not_known_or_not_verified_sees_nothing(with_provider: Served, claims: dict[str, object]) -> None:
    page = signed_in(with_provider, **claims)

    assert letters(page) == set()
    assert "Access denied" in str(page)


def test_a_cookie_that_somebody_else_signed_counts_for_nothing(with_provider: Served) -> None:
    page = signed_in(with_provider, secret="another-secret-of-some-length", email="ada@example.org", email_verified=True)

    assert letters(page) == set()


FILES = [
    ("PUT", "/_stcore/upload_file/a/b"),
    ("DELETE", "/_stcore/upload_file/a/b"),
    ("GET", "/media/nothing"),
    ("GET", "/component/nothing"),
    ("GET", "/_stcore/bidi-components/nothing"),
]


def cookies(server: Served, secret: str = SECRET, **claims: object) -> dict[str, str]:
    """What the browser of somebody with these claims sends along."""
    token = generate_xsrf_token_string()
    payload = json.dumps({"origin": f"http://127.0.0.1:{server.port}", "is_logged_in": True, **claims})
    cookie = create_signed_value(secret, "_streamlit_user", payload).decode()
    return {"Cookie": f"_streamlit_xsrf={token}; _streamlit_user={cookie}", "X-Xsrftoken": token}


ADA = {"email": "ada@example.org", "email_verified": True}


@pytest.mark.parametrize(("method", "path"), FILES)
@pytest.mark.parametrize(
    ("secret", "claims"),
    [
        (SECRET, {}),
        (SECRET, {"is_logged_in": False} | ADA),
        (SECRET, {"email": "eve@example.com", "email_verified": True}),
        (SECRET, {"email": "ada@example.org"}),
        (SECRET, {"email": ["ada@example.org"], "email_verified": True}),
        ("another-secret-of-some-length", ADA),
    ],
)
def test_no_file_goes_in_or_out_before_somebody_has_signed_in(
    with_provider: Served, method: str, path: str, secret: str, claims: dict[str, object]
) -> None:
    token = generate_xsrf_token_string()
    without = {"Cookie": f"_streamlit_xsrf={token}", "X-Xsrftoken": token}
    broken = without | {"Cookie": f"_streamlit_xsrf={token}; _streamlit_user=chunks-9"}

    for headers in (without, broken, cookies(with_provider, secret, **claims)):
        assert with_provider.get(path, headers, method=method)[0] == 403
    assert with_provider.get(path, cookies(with_provider, **ADA), method=method)[0] in {204, 400, 404}, "goes to Streamlit"


@pytest.mark.parametrize("path", ["/", "/runs", "/_stcore/health", "/_stcore/host-config", "/auth/logout", "/static/nothing.js"])
def test_the_page_on_which_people_sign_in_needs_no_cookie(with_provider: Served, path: str) -> None:
    assert with_provider.get(path)[0] != 403


@pytest.mark.parametrize(
    "name", ["jac\u212a@example.org", "jac\uff4b@example.org", "j\uff41ck@example.org", "jack\uff20example.org"]
)
def test_a_letter_that_could_be_taken_for_an_ascii_one_makes_nobody(name: str) -> None:
    access = Access(users=("*",), administrators=("jack@example.org",))

    assert access.user(name) is None
    assert access.user("JACK@example.org") == User("jack@example.org", is_administrator=True)
    with pytest.raises(ConfigError, match=r"TUNEBOARD_ADMINISTRATORS.*Type the name again by hand"):
        Access.from_environment({"TUNEBOARD_ADMINISTRATORS": f"ada@example.org,{name}"})


@pytest.mark.parametrize(
    "name", ["Jörg@example.org", "jo\u0308rg@example.org", "иван@example.org", "strauß@example.org", "李@example.org"]
)
def test_other_letters_stay_what_they_are(name: str) -> None:
    user = Access(users=("*@example.org",)).user(name)

    assert user is not None
    assert user.name == unicodedata.normalize("NFC", name).lower()


@pytest.mark.parametrize("verified", [None, False, "true", "false", 1, 0, [True], {}])
def test_an_address_counts_only_if_the_provider_says_that_it_is_verified(verified: object) -> None:
    access = Access(users=("*",))
    claims = {"email": "ada@example.org", "email_verified": verified}
    with pytest.raises(UserError, match="TUNEBOARD_USER_CLAIM"):
        access.user_of_claims({name: value for name, value in claims.items() if value is not None})

    assert access.user_of_claims(ADA) == User("ada@example.org")
    assert Access(users=("*",), user_claim="sub").user_of_claims({"sub": "A-1"}) == User("a-1")


@pytest.mark.parametrize("claimed", [["ada@example.org"], {"a": 1}, 7, True, None, ""])
def test_a_claim_that_is_no_text_names_nobody(claimed: object) -> None:
    with pytest.raises(UserError, match="is not allowed to use this dashboard"):
        Access(users=("*",)).user_of_claims({"email": claimed, "email_verified": True})
