"""The server behind nginx and Caddy with the configurations of docs/serving.md, in a browser."""

import base64
import json
import os
import re
import shlex
import shutil
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from playwright.sync_api import Error

from tests.support import small
from tests.support.chromium import CHROMIUM, DONE, FLAGS, follow, worth
from tests.support.server_process import REPOSITORY, free_port, running

pytestmark = pytest.mark.browser
NAME = "llmpert.lab.example"
USER, PASSWORD = "somebody", "right"
DOCS = (REPOSITORY / "docs" / "serving.md").read_text("utf-8")
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
SERVE = re.search(r"^ExecStart=\S+ -m (.+)$", DOCS, re.MULTILINE)[1]

MAIN = """
{user}
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/llmpert.conf;
}}
"""
"""What a distribution's own nginx.conf does around the documented file, in a folder."""


@contextmanager
def proxy(folder: Path, server: int):
    """nginx with the documented file in front of a server; yields its port."""
    key, certificate, passwords = (folder / name for name in ("key", "certificate", "passwords"))
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
         f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}", "-keyout", key, "-out",
         certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    passwords.write_text(f"{USER}:{{PLAIN}}{PASSWORD}\n")
    port, plain = free_port(), free_port()
    text = re.search(r"```nginx\n(.*?)```", DOCS, re.DOTALL)[1]
    for documented, here in (
        ("443 ssl", f"127.0.0.1:{port} ssl"),
        ("80;", f"127.0.0.1:{plain};"),
        ("/etc/ssl/certs/llmpert.pem", certificate),
        ("/etc/ssl/private/llmpert.key", key),
        ("/etc/nginx/llmpert.passwords", passwords),
        ("http://127.0.0.1:8501", f"http://127.0.0.1:{server}"),
    ):
        assert documented in text
        text = text.replace(documented, str(here))
    (folder / "llmpert.conf").write_text(text)
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(MAIN.format(user=user, folder=folder))
    nginx = subprocess.Popen(
        [NGINX, "-e", folder / "error.log", "-c", folder / "nginx.conf", "-p", folder],
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(50):
            if (folder / "nginx.pid").exists():
                break
            time.sleep(0.1)
        yield port
    finally:
        nginx.terminate()
        nginx.wait(timeout=10)


@contextmanager
def caddy(folder: Path, server: int):
    """Caddy with the documented file and certificates of its own in front of a server."""
    port = free_port()
    given = subprocess.run(
        ["caddy", "hash-password", "--plaintext", PASSWORD], check=True, capture_output=True
    )
    text = re.search(r"```caddyfile\n(.*?)```", DOCS, re.DOTALL)[1]
    for documented, here in (
        (f"{NAME} {{", f"https://{NAME}:{port} {{\n    bind 127.0.0.1\n    tls internal"),
        ("somebody HASH", f"{USER} {given.stdout.decode().strip()}"),
        ("127.0.0.1:8501", f"127.0.0.1:{server}"),
    ):
        assert documented in text
        text = text.replace(documented, here)
    alone = "{\n    admin off\n    auto_https disable_redirects\n    skip_install_trust\n}\n"
    (folder / "Caddyfile").write_text(alone + text)
    process = subprocess.Popen(
        ["caddy", "run", "--config", folder / "Caddyfile", "--adapter", "caddyfile"],
        env={**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder)},
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(100):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=10)


@pytest.fixture(scope="module")
def tools():
    for tool, found in (
        ("Chromium", CHROMIUM), ("nginx", NGINX), ("openssl", shutil.which("openssl"))
    ):  # fmt: skip
        if found is None:
            pytest.skip(f"no {tool} was found")


@pytest.fixture(scope="module")
def server(tools, tmp_path_factory):
    """The documented command, started in a folder of its own."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LLMPERT_HOME", str(home))
        small.add("mine", [small.screen("LineA")], [small.embedding("text")])
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    log = elsewhere / "log"
    with running(shlex.split(SERVE), home, log, folder=elsewhere, health="/health") as server:
        yield server


@pytest.fixture(scope="module")
def port(server, tmp_path_factory):
    with proxy(tmp_path_factory.mktemp("nginx"), server.port) as port:
        yield port


@pytest.fixture(scope="module")
def throwaway(tools, tmp_path_factory):
    """A page with an uploader behind the same proxy; its port there, and its log."""
    folder = tmp_path_factory.mktemp("throwaway")
    shutil.copytree(REPOSITORY / ".streamlit", folder / ".streamlit")
    shutil.copy(REPOSITORY / "tests" / "support" / "upload_page.py", folder / "app.py")
    command = (
        "streamlit", "run", "app.py", "--server.baseUrlPath=llmpert",
        f"--server.allowedHosts={NAME}",
    )  # fmt: skip
    health = "/llmpert/_stcore/health"
    with (
        running(command, folder / "home", folder / "log", folder=folder, health=health) as server,
        proxy(tmp_path_factory.mktemp("nginx"), server.port) as port,
    ):
        yield port, server.log


@pytest.fixture(scope="module")
def browser(tools, chromium):
    browser = chromium(args=[*FLAGS, f"--host-resolver-rules=MAP {NAME} 127.0.0.1"])
    yield browser
    browser.close()


@pytest.fixture
def page(browser):
    context = browser.new_context(
        ignore_https_errors=True, http_credentials={"username": USER, "password": PASSWORD}
    )
    yield context.new_page()
    context.close()


def ask(port: int, path: str, password: str | None = None, method: str = "GET", data=None):
    """Status and text of an answer of the proxy."""
    headers = {"Host": NAME}
    if password is not None:
        given = base64.b64encode(f"{USER}:{password}".encode()).decode()
        headers["Authorization"] = f"Basic {given}"
    request = urllib.request.Request(
        f"https://127.0.0.1:{port}{path}", data, headers, method=method
    )
    context = ssl._create_unverified_context()
    try:
        with urllib.request.urlopen(request, timeout=30, context=context) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_pages_work_through_the_proxy(page, port):
    said, sockets = [], []
    page.on("console", lambda m: said.append(m.text) if worth(m) else None)
    page.on("websocket", lambda socket: sockets.append(socket.url))
    page.goto(f"https://{NAME}:{port}/")
    page.wait_for_selector(DONE, timeout=60_000)
    assert page.url == f"https://{NAME}:{port}/llmpert/"
    assert f"wss://{NAME}:{port}/llmpert/_stcore/stream" in sockets
    follow(page, "Evidence", "Table 1")
    page.get_by_role("heading", name="Table 1").first.wait_for(timeout=60_000)
    page.wait_for_selector(DONE, timeout=60_000)
    assert page.url.partition("?")[0] == f"https://{NAME}:{port}/llmpert/table"
    assert not said
    cookies = {cookie["name"]: cookie for cookie in page.context.cookies()}
    assert cookies["_streamlit_xsrf"]["secure"]


@pytest.mark.skipif(shutil.which("caddy") is None, reason="no Caddy was found")
def test_pages_work_through_caddy(page, server, tmp_path):
    with caddy(tmp_path, server.port) as port:
        page.goto(f"https://{NAME}:{port}/")
        page.wait_for_selector(DONE, timeout=60_000)
        assert page.url == f"https://{NAME}:{port}/llmpert/"
        follow(page, "Evidence", "Table 1")
        page.get_by_role("heading", name="Table 1").first.wait_for(timeout=60_000)
        stranger = page.context.browser.new_context(ignore_https_errors=True)
        request = stranger.new_page()
        assert request.goto(f"https://{NAME}:{port}/llmpert/health").status == 200
        with pytest.raises(Error, match="ERR_INVALID_AUTH_CREDENTIALS"):
            request.goto(f"https://{NAME}:{port}/llmpert/")
        stranger.close()


def test_a_link_into_a_page_works_through_the_proxy(page, port):
    page.goto(f"https://{NAME}:{port}/llmpert/gene?gene=KD007")
    page.get_by_role("heading", name="KD007 knockdown in LineA").wait_for(timeout=60_000)
    page.wait_for_selector(DONE, timeout=60_000)
    page.locator(".js-plotly-plot").first.wait_for(timeout=60_000)
    assert page.get_by_test_id("stException").count() == 0


def test_nothing_is_shown_without_the_password(port):
    for path in ("/llmpert/", "/llmpert/_stcore/stream", "/llmpert/static/js/index.js"):
        assert ask(port, path)[0] == 401
        assert ask(port, path, "wrong")[0] == 401
    assert ask(port, "/llmpert/", PASSWORD)[0] == 200
    assert ask(port, "/health", PASSWORD)[0] == 404


def test_health_is_told_without_it(port):
    status, text = ask(port, "/llmpert/health")
    assert status == 200
    assert json.loads(text)["ready"] is True


def test_the_log_has_the_requests_without_what_was_looked_at(page, port, server):
    page.goto(f"https://{NAME}:{port}/llmpert/gene?gene=KD011")
    page.get_by_role("heading", name="KD011 knockdown in LineA").wait_for(timeout=60_000)
    ask(port, "/llmpert/health")
    text = server.log.read_text("utf-8")
    records = [json.loads(line) for line in text.splitlines()]
    assert {"started", "request", "fit made", "data set loaded"} <= {r["event"] for r in records}
    requests = [r for r in records if r["event"] == "request"]
    assert ("GET", "/llmpert/gene", 200) in [
        (r["method"], r["path"], r["status"]) for r in requests
    ]
    assert "/llmpert/health" not in {r["path"] for r in requests}
    assert "KD011" not in text
    assert USER not in text
    assert records[0]["event"] == "started"
    assert records[0]["shared"] is True
    assert not [r for r in records if r["level"] in ("WARNING", "ERROR")]


def test_files_up_to_the_limit_go_through_the_proxy_and_larger_ones_do_not(page, throwaway):
    port, _ = throwaway
    page.goto(f"https://{NAME}:{port}/llmpert/")
    upload = page.get_by_test_id("stFileUploader").locator("input")
    for size in (10, 2_000_000):
        file = {"name": "screen.csv", "mimeType": "text/csv", "buffer": b"x" * size}
        upload.set_input_files(file)
        page.get_by_text(f"Received {size} bytes").wait_for(timeout=60_000)
    (limit,) = re.findall(r"client_max_body_size (\d+)m;", DOCS)
    body = b"x" * (int(limit) * 2**20 + 1)
    path = "/llmpert/_stcore/upload_file/no-session/no-file"
    assert ask(port, path, PASSWORD, "PUT", body)[0] == 413


def test_a_mistake_in_a_page_is_told_to_the_log_and_not_to_visitors(page, throwaway):
    port, log = throwaway
    page.goto(f"https://{NAME}:{port}/llmpert/")
    page.get_by_role("button", name="Fail").click()
    shown = page.get_by_test_id("stException")
    shown.wait_for(timeout=60_000)
    everything = page.content()
    for secret in ("swordfish", "RuntimeError", "Traceback", "app.py", "/srv/secret", str(log)):
        assert secret not in everything
    assert "error" in shown.inner_text().lower()
    logged = log.read_text("utf-8")
    assert "    RuntimeError: the password is swordfish" in logged
    assert "    Traceback (most recent call last):" in logged
    assert re.search(r"app\.py\", line \d+", logged)
