"""Fetch packages of Debian or Ubuntu and unpack them, for the scripts that build from these."""

import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from llmpert.errors import InputError


@contextmanager
def unpacked(package: str, deb: Path | None = None) -> Iterator[tuple[Path, str]]:
    """Yield the folder that a package is unpacked into for the time being, and its version.

    Args:
        deb: Its file; by default that of this machine's release is fetched.

    Raises:
        InputError: It cannot be fetched or unpacked, or the file is another package.
    """
    with tempfile.TemporaryDirectory() as folder:
        if deb is None:
            run("apt-get", "download", package, folder=folder)
            (deb,) = Path(folder).glob("*.deb")
        name, version = (run("dpkg-deb", "-f", str(deb), field) for field in ("Package", "Version"))
        if name != package:
            raise InputError.of_file(deb, f"the package {package}", f"the package {name}")
        content = Path(folder, "content")
        run("dpkg-deb", "-x", str(deb), str(content))
        yield content, version


def run(*command: str, folder: str | None = None) -> str:
    """Return what a command prints, stripped; its own complaint as InputError if it fails."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    except FileNotFoundError:
        raise InputError(f"{command[0]} is not installed: expected a Debian or Ubuntu.") from None
    except subprocess.CalledProcessError as error:
        reason = re.sub(r"\s+", " ", error.stderr).strip()
        raise InputError(f"{' '.join(command)} failed: {reason}") from error
    return done.stdout.strip()
