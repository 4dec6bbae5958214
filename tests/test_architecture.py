"""What keeps the code apart: layers, Streamlit, numerics in pages, unpickling."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
LIBRARY = sorted((REPOSITORY / "llmpert").rglob("*.py"))
PAGES = [REPOSITORY / "app.py", *sorted((REPOSITORY / "pages").glob("*.py"))]

NUMERICAL = {"numpy", "scipy", "sklearn", "torch", "gpytorch", "anndata", "h5py"}
# Modules whose readers run what a file says; `pickletools`, which only looks, is not among them.
EXECUTING = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
EXECUTING_CALLS = {"eval", "exec", "pd.read_pickle", "pandas.read_pickle", "torch.load"}


def imported(path: Path) -> set[str]:
    """Top-level names of all packages a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """Every call in a file with the called name as written."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def name(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


def test_there_is_something_to_check():
    assert len(LIBRARY) > 40
    assert len(PAGES) > 4


def test_imports_keep_to_the_layers():
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 broken" in done.stdout


@pytest.mark.parametrize("path", LIBRARY, ids=name)
def test_only_the_ui_imports_streamlit(path):
    assert "ui" in path.relative_to(REPOSITORY).parts or "streamlit" not in imported(path)


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_pages_compute_nothing(path):
    assert not imported(path) & NUMERICAL


@pytest.mark.parametrize("path", [*LIBRARY, *PAGES], ids=name)
def test_nothing_from_outside_is_executed(path):
    assert not imported(path) & EXECUTING
    assert not {called for called, _ in calls(path)} & EXECUTING_CALLS


@pytest.mark.parametrize("path", [*LIBRARY, *PAGES], ids=name)
def test_numpy_never_unpickles(path):
    for called, call in calls(path):
        if called in ("np.load", "numpy.load"):
            allowed = {k.arg: ast.unparse(k.value) for k in call.keywords}
            assert allowed.get("allow_pickle", "False") == "False"


@pytest.mark.parametrize("path", LIBRARY, ids=name)
def test_files_stay_readable(path):
    assert len(path.read_text("utf-8").splitlines()) <= 400
