"""The quick tests with every Python, and with the oldest and newest libraries: `make matrix`.

A session whose Python is not here is skipped, which the summary says: it is unverified. AnnData
0.13, which pandas 3 needs, asks for Python 3.12; 3.11 stays with AnnData 0.12 and pandas 2.
"""

import re
from pathlib import Path

import nox

TOOLS = ("pytest", "pytest-timeout", "pytest-xdist", "hypothesis", "markdown-it-py")
REPORTED = ("anndata", "pandas", "numpy", "scipy", "scikit-learn", "torch", "streamlit")
# The documentation and the wheel are alike everywhere, and need tools of their own.
LEFT_OUT = ("tests/browser", "tests/test_docs.py", "tests/test_wheel.py")

nox.options.default_venv_backend = "venv"
nox.options.reuse_venv = "yes"


@nox.session(python="3.11")
def oldest(session: nox.Session) -> None:
    """Test with the oldest versions that requirements.txt states."""
    stated = Path("requirements.txt").read_text("utf-8")
    lower = re.findall(r"^([\w-]+)>=([\w.]+)", stated, re.MULTILINE)
    run(session, [f"{name}=={version}" for name, version in lower])


@nox.session(python=["3.11", "3.12", "3.13", "3.14"])
def newest(session: nox.Session) -> None:
    """Test with the newest versions that requirements.txt allows."""
    run(session, [])


@nox.session(python="3.13")
def pandas2(session: nox.Session) -> None:
    """Test the newest AnnData with pandas 2."""
    run(session, ["pandas<3"])


def run(session: nox.Session, constraints: list[str]) -> None:
    """Install within these constraints, print what was installed, and test.

    What follows `--` on nox's command line is pytest's: paths to test, say.
    """
    file = Path(session.create_tmp()) / "constraints.txt"
    file.write_text("\n".join(constraints), "utf-8")
    session.install("-r", "requirements.txt", "-c", str(file), *TOOLS)
    names = f"from importlib.metadata import version; names = {REPORTED}"
    session.run("python", "-c", f"{names}; print(*(f'{{n}} {{version(n)}}' for n in names))")
    session.run(
        "python", "-m", "pytest", "-n", "2", "--dist", "loadfile", "-q",
        "-m", "not browser and not processes and not real", "--hypothesis-profile", "quick",
        *(f"--ignore={path}" for path in LEFT_OUT), *session.posargs,
    )  # fmt: skip
