"""From the start page to the genes of real screens by one click."""

import json
from dataclasses import asdict

import pytest

from tests.support import paper_files
from tests.support.faulty_server import Faulty
from tests.support.server_process import STREAMLIT, running

pytestmark = pytest.mark.browser
WAIT = 60_000


def test_one_click_leads_to_the_genes_of_real_screens(page, tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("LLMPERT_SHARED", "0")
    with Faulty(pause=0.3) as files:
        known = paper_files.registry(files)
        listed = tmp_path / "sources.toml"
        listed.write_text(_toml(known))
        monkeypatch.setenv("LLMPERT_SOURCES", str(listed))
        with running(STREAMLIT, tmp_path / "home", tmp_path / "log") as server:
            page.goto(server.address)
            page.get_by_role("button", name="Get real screens").click(timeout=WAIT)
            page.get_by_role("button", name="Stop").wait_for(timeout=WAIT)
            page.wait_for_url("**/gene?data=replogle-2022*", timeout=WAIT)
            page.get_by_text("replogle-2022").first.wait_for(timeout=WAIT)
            page.get_by_role("heading", name="knockdown in K562").first.wait_for(timeout=WAIT)


def _toml(known: paper_files.Registry) -> str:
    """A list of public files; JSON's text and numbers are TOML's."""
    lines = []
    for key, source in known.sources.items():
        entry = asdict(source)
        about = {name: entry.pop(name) for name in ("licence", "citation")}
        for table, values in (
            (f"publications.{key}", about),
            (f"sources.{key}", {**entry, "publication": key}),
        ):
            values.pop("key", None)
            lines += [f"[{table}]", *(f"{name} = {json.dumps(v)}" for name, v in values.items())]
    return "\n".join(lines)
