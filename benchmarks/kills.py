"""Whatever takes long, killed at random moments: whether anything is lost or wrong.

    python -m benchmarks.kills [--times 50]

A server on this computer sends a file and an archive, slowly, to a process that downloads both.
The process is killed (SIGKILL) while it fetches, verifies, unpacks or writes notes, and started
again, until it comes to its end; then another round begins in an empty folder. After every kill and
at the end no file may have the name of a whole one and be another. Told are the kills by what was
there, and the bytes that were sent twice.

Then the same for `prepare paper-2024` from nothing to its end, on small files in the formats of the
real ones: every data set must in the end be, bit by bit, that of a preparation that nobody killed.
And for the way from single cells to a screen, and for an evaluation: finished parts are never lost,
and the end is the same.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from random import Random

import click

from benchmarks.killed_preparation import kill_preparations
from benchmarks.killed_work import kill_evaluations, kill_pseudobulk
from llmpert.downloads import PublicFile
from tests.support.faulty_server import Faulty, md5, zipped

CHILD = """
import json, sys
from pathlib import Path
from llmpert.downloads import PublicFile, download
sources = [PublicFile(**entry) for entry in json.loads(sys.argv[1])]
download(sources, Path(sys.argv[2]), lambda *_: None, lambda _: None)
"""
SIZE = 2_500_000
LATEST = 1.5
"""Seconds from the first request of a process to its kill, at most."""


@click.command()
@click.option("--times", default=50, show_default=True, help="Kills of each.")
def main(times: int) -> None:
    """Kill downloads, preparations and evaluations and report."""
    random = Random(0)
    steps = kill_downloads, kill_preparations, kill_pseudobulk, kill_evaluations
    wrong = [sentence for step in steps for sentence in step(times, random)]
    click.echo("\n".join(wrong) or "Nothing was lost or wrong.")
    sys.exit(bool(wrong))


def kill_downloads(times: int, random: Random) -> list[str]:
    """Kill downloads at random moments and report; what was lost or wrong."""
    contents = {"plain.bin": random.randbytes(SIZE), "member.bin": random.randbytes(SIZE)}
    archive = zipped({"folder/member.bin.": contents["member.bin"], "other.txt": b"x"})
    kills, wrong, rounds = Counter[str](), [], 0
    with Faulty(pause=0.005) as server:
        server.files = {"/plain.bin": contents["plain.bin"], "/archive.zip": archive}
        sources = [
            PublicFile(
                file, "", "", server.url.replace("file.bin", file), file, len(content), "", "",
                md5=md5(content), member=member, unpacked=SIZE,
            )
            for file, content, member in (
                ("plain.bin", contents["plain.bin"], ""), ("archive.zip", archive, "member.bin")
            )
        ]  # fmt: skip
        words = [sys.executable, "-c", CHILD, json.dumps([asdict(source) for source in sources])]
        while kills.total() < times:
            rounds += 1
            with tempfile.TemporaryDirectory() as name:
                # Where all is there, nothing is left that a kill could spoil.
                reached = ""
                while _killed(
                    [*words, name],
                    server,
                    random.uniform(0, LATEST),
                    kills.total() < times and reached != "when all was there",
                ):
                    reached = _reached(Path(name))
                    kills[reached] += 1
                    wrong += _wrong(Path(name), contents)
                missing = [file for file in contents if not (Path(name) / file).exists()]
                wrong += _wrong(Path(name), contents) + [f"{file} is missing" for file in missing]
    twice = server.sent - rounds * (SIZE + len(archive))
    click.echo(f"{kills.total()} kills in {rounds} downloads, {twice:,} bytes sent twice")
    for what, count in kills.most_common():
        click.echo(f"  {count:3d} {what}")
    return wrong


def _killed(words: list[str], server: Faulty, seconds: float, kill: bool) -> bool:
    """Run a process; whether it was killed, so long after it first asked the server."""
    asked = len(server.requests)
    process = subprocess.Popen(words)
    while process.poll() is None and len(server.requests) == asked:
        time.sleep(0.005)
    try:
        if process.wait(seconds if kill else None):
            raise SystemExit("The download failed.")
        return False
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return True


def _reached(folder: Path) -> str:
    """How far a download has come."""
    files = {path.name for path in folder.iterdir()}
    for file, what in {
        "member.bin.provenance.json": "when all was there",
        "member.bin": "after unpacking",
        "archive.zip": "between archive and member",
        "archive.zip.part": "within the archive",
        "plain.bin": "between file and archive",
        "plain.bin.part": "within the file",
    }.items():
        if file in files:
            return what
    return "before anything came"


def _wrong(folder: Path, contents: dict[str, bytes]) -> list[str]:
    """Files that are not what their name says."""
    return [
        f"{file} is not what was sent"
        for file, content in contents.items()
        if (folder / file).exists() and (folder / file).read_bytes() != content
    ]


if __name__ == "__main__":
    main()
