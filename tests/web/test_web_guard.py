"""Attacks on the page, each tried: other hosts, other sites' forms, smuggled scripts, paths, sizes, tokens."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from tidegauge.web.app import ACTIONS, VIEWS, create_app
from tidegauge.web.guard import FORM_LIMIT, POLICY, Rules, is_loopback, known_hosts
from tidegauge.web.shortlist import own_page


@pytest.fixture
def wide(site):
    """The page as it is served to a network: with a token."""
    rules = Rules(known_hosts("0.0.0.0") | {"media.example"}, "s3cret-token")
    return TestClient(create_app(site, rules), base_url="http://media.example", follow_redirects=False)


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "", "[::2]", "a b"]
)
def test_another_host_name_gets_nothing(client, host):
    """DNS rebinding: a page of evil.example that resolves to this machine sends its own name."""
    answer = client.get("/creators", headers={"host": host})
    assert answer.status_code == 421
    assert "仿真" not in answer.text


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost", "localhost:1", "[::1]:8765"])
def test_own_host_names_are_served(client, host):
    assert client.get("/methods/plan", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("path", ACTIONS)
def test_no_form_is_taken_without_its_token(client, site, path):
    for token in ({}, {"csrf": ""}, {"csrf": "guess"}, {"csrf": site.csrf[:-1]}):
        answer = client.post(path, data={"do": "add", "id": "douyin:evil", **token})
        assert answer.status_code == 403, path
    assert not site.jobs.recent()
    assert not (site.path / "shortlist.json").exists()


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "http://127.0.0.1:9999"},
    ],
)
def test_another_sites_form_is_refused_even_with_the_token(client, site, headers):
    data = {"csrf": site.csrf, "do": "add", "id": "douyin:evil"}
    assert client.post("/creators/shortlist", data=data, headers=headers).status_code == 403
    assert client.post("/creators/shortlist", data=data, headers={"origin": "http://127.0.0.1"}).status_code == 303


def test_every_post_of_the_application_is_in_the_table_of_actions(client):
    posts = {r.path for r in client.app.routes if "POST" in (r.methods or set())}
    assert posts == set(ACTIONS)
    assert {m for r in client.app.routes for m in r.methods or set()} == {"GET", "HEAD", "POST"}
    assert client.put("/creators").status_code == 405


def test_headers_of_every_kind_of_answer(client):
    for path in ("/", "/static/web.js", "/nope", "/creators/export.csv", "/data/rows/posts"):
        headers = client.get(path).headers
        assert headers["content-security-policy"] == POLICY, path
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["x-frame-options"] == "DENY"
    refused = client.get("/", headers={"host": "evil.example"})
    assert refused.headers["content-security-policy"] == POLICY
    assert "unsafe" not in POLICY
    assert "frame-ancestors 'none'" in POLICY


def test_names_from_data_are_text_on_every_page(client):
    pages = ["/creators?q=alert", "/creators/one?id=douyin:evil", "/data/rows/creators?creator_id=douyin:evil",
             "/creators/compare?id=douyin:evil&id=douyin:evil2", "/creators?q=%3Cscript%3Ealert(3)%3C/script%3E",
             "/creators/one?id=%3Cscript%3Ealert(3)%3C/script%3E",
             "/data/rows/posts?creator_id=%3Cscript%3E"]  # fmt: skip
    told = 0
    for path in pages:
        text = client.get(path).text
        assert "<script>alert" not in text, path
        assert "<img src=x" not in text, path
        told += "&lt;script&gt;alert(1)" in text
    assert told == 3


def test_formulas_in_names_stay_text_in_an_export(client):
    body = client.get("/creators/export.csv?q=alert").content
    assert body.startswith(b"\xef\xbb\xbf")
    assert "'=1+1" in body.decode("utf-8-sig")


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py", "/static/..%2f..%2fapp.py", "/static/%2e%2e/app.py", "/plans/..%2f..", "/plans/%2e%2e",
        "/plans/20260101-000000-abcd/files/..%2f..%2fsalt", "/plans/x/files/salt", "/data/rows/..%2f..%2fsalt",
        "/methods/..%2f..%2fREADME", "/measures/..%2fplan", "/jobs/..%2f..%2fsalt", "/data/ingests/..%2fsalt",
        "/creators/export.py",
    ],
)  # fmt: skip
def test_no_path_of_a_request_reaches_the_file_system(client, path):
    answer = client.get(path)
    assert answer.status_code == 404
    assert "Traceback" not in answer.text


@pytest.mark.parametrize(
    "value", ["' OR 1=1 --", "douyin:evil' UNION SELECT 1", '"; DROP TABLE lake.creators', "%", "\x00"]
)
def test_values_of_a_request_are_bound_not_spliced(client, value):
    answer = client.get("/data/rows/creators", params={"creator_id": value, "platform; DROP": "x"})
    assert answer.status_code == 200
    assert "<td" not in answer.text
    assert client.get("/creators/one", params={"id": value}).status_code == 404


def test_a_form_that_is_too_long_is_refused_with_and_without_its_length(client, site):
    blob = "x" * (FORM_LIMIT + 10)
    data = {"csrf": site.csrf, "do": "add", "id": blob}
    assert client.post("/creators/shortlist", data=data).status_code == 413

    def chunks():
        yield f"csrf={site.csrf}&do=add&id=".encode()
        for _ in range(40):
            yield b"x" * (FORM_LIMIT // 20)

    kind = {"content-type": "application/x-www-form-urlencoded"}
    assert client.post("/creators/shortlist", content=chunks(), headers=kind).status_code == 413
    assert client.post("/creators/shortlist", data=data, headers={"content-length": "-5"}).status_code == 413


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "/a\r\nX: y"]
)
def test_a_form_leads_only_to_pages_of_ours(client, site, target):
    assert own_page(target) == "/creators"
    answer = client.post("/creators/shortlist", data={"csrf": site.csrf, "do": "clear", "back": target})
    assert answer.headers["location"] == "/creators"


def test_beyond_loopback_nobody_is_served_without_the_token(wide):
    for path in ("/", "/creators", "/static/web.js", "/data", "/?token=wrong", "/?token="):
        answer = wide.get(path)
        assert answer.status_code == 401, path
        assert "仿真" not in answer.text
    assert wide.post("/start/demo?token=s3cret-token").status_code == 401


def test_the_token_becomes_a_cookie_that_no_script_and_no_other_site_gets(wide):
    answer = wide.get("/creators?token=s3cret-token&q=a")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/creators?q=a"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert wide.get("/creators?q=a").status_code == 200
    assert wide.get("/creators", headers={"host": "evil.example"}).status_code == 421


def test_the_way_in_leads_to_no_other_host(wide):
    answer = wide.get("//evil.example/?token=s3cret-token")
    assert not answer.headers.get("location", "/").startswith("//")


def test_a_forged_cookie_is_no_token(wide):
    for cookie in ("tidegauge=guess", "tidegauge=", 'tidegauge="s3cret-token', "x=s3cret-token", ";;=;"):
        assert wide.get("/", headers={"cookie": cookie}).status_code == 401


def test_loopback_is_told_from_the_rest():
    assert all(map(is_loopback, ("127.0.0.1", "127.8.8.8", "::1", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "192.168.1.4", "example.com", "localhost.evil.example")))
    assert "0.0.0.0" not in known_hosts("0.0.0.0")


def test_errors_tell_no_traceback(client, site, monkeypatch):
    monkeypatch.setattr(type(site), "snapshot", lambda self: 1 / 0)
    answer = client.get("/creators")
    assert answer.status_code == 500
    assert "ZeroDivisionError" not in answer.text
    assert "Traceback" not in answer.text
    assert len(VIEWS) > 20
