"""Write the lock files: `make lock`.

`requirements.lock` has the versions of what the checks run with, for any system; the other two have
hashes as well, and are what a container and the checks install on Linux (x86-64, Python 3.11).
"""

import json
import platform
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
HEAD = "# Made by `make lock`. "


def resolve(requirements: str, constraints: Path) -> list[tuple[str, str]]:
    """Return name==version and SHA-256 of each file that pip would install here."""
    asked = ["--dry-run", "--ignore-installed", "--quiet", "--report", "-"]
    files = ["-r", requirements, "-c", str(constraints)]
    done = subprocess.run([*PIP, "install", *asked, *files], check=True, stdout=subprocess.PIPE)
    found = [
        (
            f"{one['metadata']['name']}=={one['metadata']['version']}",
            one["download_info"]["archive_info"]["hashes"]["sha256"],
        )
        for one in json.loads(done.stdout)["install"]
    ]
    return sorted(found, key=lambda one: one[0].lower().split("=="))


def write(path: str, about: str, lines: list[str]) -> None:
    """Write a lock file under its heading."""
    Path(path).write_text("\n".join([*(HEAD + about).splitlines(), *lines, ""]), "utf-8")


with TemporaryDirectory() as folder:
    here = Path(folder) / "here.txt"
    # torch's local version (+cpu) names one index's build, as a constraint it admits no other.
    frozen = subprocess.run(
        [*PIP, "freeze", "--exclude", "llmpert"], check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    here.write_text("\n".join(x.partition("+")[0] for x in frozen.splitlines() if "==" in x))
    app, checks = (resolve(f"requirements{x}.txt", here) for x in ("", "-dev"))

write(
    "requirements.lock",
    "Exact versions that the checks ran with. Install what requirements.txt\n"
    "# asks for in just these: pip install -r requirements.txt -c requirements.lock",
    [pin.partition("+")[0] for pin, _ in checks],
)
if (platform.system(), platform.machine(), sys.version_info[:2]) != ("Linux", "x86_64", (3, 11)):
    sys.exit("The files with hashes stay as they are: they are of Linux, x86-64 and Python 3.11.")
for path, what, pins in (
    ("requirements.linux.lock", "what the app needs", app),
    ("requirements-dev.linux.lock", "what the checks need", checks),
):
    about = f"Files of {what} on Linux (x86-64, Python 3.11), with their SHA-256."
    index = "# torch is PyTorch's own build: --extra-index-url https://download.pytorch.org/whl/cpu"
    write(path, f"{about}\n{index}", [f"{pin} --hash=sha256:{digest}" for pin, digest in pins])
