"""What no rule of ruff or import-linter says (pyproject.toml has those)."""

import ast
import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
PAGES = [REPOSITORY / "app.py", *sorted((REPOSITORY / "pages").glob("*.py"))]
NUMERICAL = {"numpy", "scipy", "sklearn", "torch", "gpytorch", "anndata", "h5py"}


def imported(path: Path) -> set[str]:
    """Top-level names of all packages a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def test_pages_compute_nothing():
    assert len(PAGES) > 4
    found = {path.name: imported(path) & NUMERICAL for path in PAGES}
    assert {name: modules for name, modules in found.items() if modules} == {}


def test_numpy_never_unpickles():
    for path in [*PAGES, *(REPOSITORY / "llmpert").rglob("*.py")]:
        allowed = re.findall(r"allow_pickle\s*=\s*(\w+)", path.read_text("utf-8"))
        assert set(allowed) <= {"False"}, path
