"""What holds for every test of pages."""

import logging
from collections.abc import Iterator

import pytest
from streamlit.components.v2.manifest_scanner import scan_component_manifests
from streamlit.testing.v1 import local_script_runner

from llmpert.datasets.builtin import example_files


@pytest.fixture(scope="session", autouse=True)
def wait_for_scripts() -> Iterator[None]:
    """Let AppTest sleep until a page's script has ended: it looks every millisecond."""
    give_up = local_script_runner.require_widgets_deltas

    def wait(runner: local_script_runner.LocalScriptRunner, timeout: float = 3) -> None:
        runner._script_thread.join(timeout)
        if runner._script_thread.is_alive():
            give_up(runner, 0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local_script_runner, "require_widgets_deltas", wait)
        yield


@pytest.fixture(autouse=True)
def page_failures() -> list[logging.LogRecord]:
    """Errors of pages that nobody foresaw: there are none, unless a test takes them from here."""
    failures: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = failures.append
    logger = logging.getLogger("llmpert.ui.common.components")
    logger.addHandler(handler)
    yield failures
    logger.removeHandler(handler)
    assert not [record.exc_text or str(record.exc_info) for record in failures]


@pytest.fixture(scope="session")
def installed_components() -> list:
    return scan_component_manifests()


@pytest.fixture(scope="session")
def examples(simulated) -> dict[str, bytes]:
    return example_files(simulated)


@pytest.fixture(autouse=True)
def once_for_all_pages(
    installed_components: list, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Do once what takes long: AppTest looks through all packages, a cold cache simulates and
    writes the example files.
    """
    where = "streamlit.components.v2.manifest_scanner.scan_component_manifests"
    monkeypatch.setattr(where, lambda: installed_components)
    simulated = "llmpert.datasets.store.simulated_dataset"
    monkeypatch.setattr(simulated, lambda: request.getfixturevalue("simulated"))
    examples = "llmpert.ui.datasets.upload_wizard.example_files"
    monkeypatch.setattr(examples, lambda data: request.getfixturevalue("examples"))
