"""`python -m llmpert download`: list public data, and download some of them."""

import shlex
from collections.abc import Iterable, Sequence
from contextlib import closing
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from llmpert.commands import options
from llmpert.commands.output import agreed, aligned, echo
from llmpert.errors import InputError

if TYPE_CHECKING:
    from llmpert.downloads import PublicFile


@click.command(short_help="List public data sets, or download some by name.")
@click.argument("keys", metavar="[KEY]...", nargs=-1)
@options.yes
def download(keys: Sequence[str], yes: bool) -> None:
    """List public screens and embeddings, or download those named, after asking.

    A KEY is a file's, or a recipe's (see prepare) for all files that it is made of. Files are
    verified and kept in the folder downloads of LLMPERT_HOME, each with a note of its source and
    licence beside it. A download that broke off continues where it was. Without internet, copy
    files there by hand and run the same command: it verifies them.

    \b
    Example:
      python -m llmpert download
      python -m llmpert download paper-2024-bulk
    """
    from llmpert import downloads
    from llmpert.datasets import presets

    known, bundles, folder = downloads.read_registry(), presets.bundles(), downloads.downloads()
    if not keys:
        table = [("KEY", "SIZE", "LICENCE", "HERE", "WHAT")]
        for key, one in known.sources.items():
            size = ("" if one.md5 else "~") + downloads.format_bytes(one.size)
            table.append((key, size, one.licence, downloads.presence(one, folder), one.what))
        echo([*aligned(table), "", *preset_list(folder)])
        return
    unknown = [key for key in keys if key not in known.sources and key not in bundles]
    if unknown:
        there = ", ".join([*known.sources, *bundles])
        raise InputError(f"Expected one of {there}, found {unknown[0]!r}.")
    of_preset = {key: preset.ways[way] for key, (preset, way) in bundles.items()}
    chosen = known.choose(one for key in keys for one in of_preset.get(key, (key,)))
    paths = fetch(chosen, folder, yes, "Nothing was downloaded.")
    for source in chosen:
        click.echo(f"{source.key}: {paths[source.key]}")
    for preset, way in (bundles[key] for key in keys if key in bundles):
        click.echo(f"Use it: python -m llmpert prepare {preset.name} --way {way}")
    echo(_imports([known.sources[key] for key in keys if key in known.sources], folder))


def _imports(chosen: Iterable["PublicFile"], folder: Path) -> Iterable[str]:
    """A data set has one screen of a cell line."""
    screens: dict[str, list[PublicFile]] = {}
    embeddings = []
    for one in chosen:
        if one.kind.endswith("screen"):
            screens.setdefault(one.line, []).append(one)
        elif one.embedding:
            embeddings += ["--embedding", f"{one.embedding}={folder / one.name}"]
    by_key = {one.key: folder / one.name for one in chosen}
    for one in chosen:
        if one.kind == "network":
            names = by_key.get("string_names", "9606.protein.info.v12.0.txt.gz")
            rest = ["--network", by_key[one.key], "--names", names, "--out", "STRING.parquet"]
            yield f"Use it: python -m llmpert embed {shlex.join(map(str, rest))}"
        elif one.kind == "table of features":
            rest = ["--matrix", by_key[one.key], "--out", f"{one.key}.parquet"]
            yield f"Use it: python -m llmpert embed {shlex.join(map(str, rest))}"
    sets: list[Any] = list(zip_longest(*screens.values())) or [()] * bool(embeddings)
    for number, one_set in enumerate(sets, 1):
        words = ["import", "--name", "downloaded" if number == 1 else f"downloaded-{number}"]
        for one in filter(None, one_set):
            words += ["--screen", str(folder / one.name)]
        yield f"Use it: python -m llmpert {shlex.join([*words, *embeddings])}"


def preset_list(folder: Path) -> Iterable[str]:
    """List presets, their ways, and how much is still to be downloaded for each."""
    from llmpert.datasets.presets import presets
    from llmpert.downloads import format_bytes, missing_bytes

    for preset in presets().values():
        yield f"{preset.name}: {preset.what}"
        if preset.cost:
            yield f"  {preset.cost}"
        for way, keys in preset.ways.items():
            missing = missing_bytes(preset.files(way), folder)
            yield f"  --way {way}: {', '.join(keys)} (to download: {format_bytes(missing)})"


def fetch(chosen: Sequence["PublicFile"], folder: Path, yes: bool, refusal: str) -> dict[str, Path]:
    """List the files to download, ask for consent, and download missing ones; return paths by key.

    Raises:
        InputError: The user does not agree (then it says `refusal`), or a file cannot be had.
    """
    from llmpert import downloads
    from llmpert.downloads.progress import FileBar

    for one in chosen:
        size = ("" if one.md5 else "about ") + downloads.format_bytes(one.size)
        archive = f", the archive that holds {one.member}" if one.member else ""
        click.echo(f"{one.key}: {one.what}")
        click.echo(f"  from     {one.url}")
        click.echo(f"  size     {size}{archive} (here: {downloads.presence(one, folder)})")
        click.echo(f"  licence  {one.licence}")
        click.echo(f"  cite     {one.citation}")
    missing = downloads.missing_bytes(chosen, folder)
    click.echo(f"To download: at most {downloads.format_bytes(missing)}, into {folder}")
    if not yes and missing and not agreed("Download?"):
        raise InputError(f"{refusal} Answer y, or give --yes.")
    with closing(FileBar()) as bar:
        return downloads.download(chosen, folder, bar.show, bar.say)
