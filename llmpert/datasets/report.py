"""The import report: what files hold, what matches, what does not and why, in sentences."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llmpert.datasets.dataset import Dataset, Parts
from llmpert.downloads import download_fields
from llmpert.embeddings import Embedding
from llmpert.errors import InputError
from llmpert.evaluation.experiment import Settings
from llmpert.evaluation.problem import Problem
from llmpert.genes import BUILT_IN_SETS
from llmpert.genes.matching import met_by, named_as
from llmpert.io.names import preview
from llmpert.methods.predictions import ExternalPredictions, not_differences, not_predicted
from llmpert.methods.published import Published
from llmpert.screens import Screen, common_perturbations
from llmpert.screens.screen import bounds_in_words

FEWEST = Settings().folds
"""Fewest perturbations that pages work on: cross-validation takes one a fold."""


@dataclass(frozen=True)
class Coverage:
    """How many perturbations find a vector in an embedding, or in each of several joined by "+".

    `left_out` says of each other one why not, `refusal` why the two cannot be used together, `met`
    by which kinds of names they did, of one embedding.
    """

    embedding: str
    found: int
    total: int
    left_out: Mapping[str, str]
    refusal: str = ""
    met: str = ""


def report(data: Dataset, added: Parts) -> list[str]:
    """Report on parts that `data` has now, as they were read; lines of details are indented."""
    return [
        *contents(added), *_coverage(data), *_gene_sets(data, added),
        *_published(data, added.published), *_external(data, added.external),
    ]  # fmt: skip


def coverage(screens: Sequence[Screen], embeddings: Sequence[Embedding]) -> list[Coverage]:
    """Count the common perturbations with a vector in each embedding, and in all of them.

    Raises:
        InputError: The screens have no perturbation in common, or two embeddings have the same
            name.
    """
    for expected, names in (
        ("embeddings with different names", [embedding.name for embedding in embeddings]),
        ("screens of different cell lines", [screen.line for screen in screens]),
    ):
        if len(set(names)) < len(names):
            raise InputError(f"Expected {expected}, found {', '.join(names)}.")
    screen = common_perturbations(screens)[0][0]
    found, total = [], len(screen.perturbations)
    groups = [[one] for one in embeddings]
    if len(embeddings) > 1:
        groups.append(list(embeddings))
    for group in groups:
        name = "+".join(embedding.name for embedding in group)
        try:
            problem = Problem.align(screen, group)
        except InputError as refusal:
            found.append(Coverage(name, 0, total, {}, str(refusal)))
            continue
        count, refused = len(problem.screen.perturbations), ""
        if group is groups[-1] and count < FEWEST:
            refused = (
                f"Expected at least {FEWEST} knockdowns with every vector, so that models can be"
                f" tested on each in turn, found {count}."
            )
        met = ""
        if len(group) == 1:
            spelt = group[0].genes[problem.rows[:, 0]]
            met = met_by(zip(problem.screen.perturbations, spelt, strict=True))
        found.append(Coverage(name, count, total, problem.left_out, refused, met))
    return found


def left_out(reasons: Mapping[str, str]) -> list[str]:
    """Report how many perturbations are left out, with examples; nothing if all are in."""
    if not reasons:
        return []
    shown = [f"  {reason}" for reason in list(reasons.values())[:5]]
    more = [f"  … and {len(reasons) - 5:,} more"] * (len(reasons) > 5)
    return [f"{len(reasons):,} left out:", *shown, *more]


def preparation(record: Mapping[str, Any]) -> list[str]:
    """Report the record of a data set (`llmpert.datasets.presets`), a line each."""
    settings = ", ".join(f"{name} {value:,}" for name, value in record["settings"].items())
    versions = ", ".join(f"{name} {found}" for name, found in record["versions"].items())
    lines = [
        f"Made by the recipe {record['recipe']} ({record['way']}) on {record['date'][:10]} in"
        f" {record['seconds']:,} s. {record['what']}.",
        f"Cite: {record['citation']}.",
        *record["understood"],
    ]
    for part in record["parts"]:
        lines += [f"{part['name']} of {part['file']}:"] * bool(part["steps"])
        lines += [f"  {step}" for step in part["steps"]]
    lines.append(f"Made with {versions}.")
    return [*lines, f"Evaluated, unless asked otherwise, with {settings}."]


def contents(added: Parts) -> Iterable[str]:
    """Say what the files hold, where they are from, and what was repaired or left out."""
    parts: list[Screen | Embedding] = [*added.screens, *added.embeddings]
    for part in parts:
        if isinstance(part, Screen):
            rows, columns = part.response.shape
            yield f"{part.line}: {rows:,} perturbations x {columns:,} genes, unit {part.unit}"
            if part.bounds:
                yield f"  The unit is bounded: {bounds_in_words(part.bounds)}."
        else:
            rows, columns = part.vectors.shape
            yield f"{part.name}: {rows:,} genes x {columns:,} dimensions"
        if part.simulated:
            yield "  Simulated."
        if download := download_fields(part.provenance):
            yield (
                f"  {download['how'].capitalize()} on {download['date'][:10]}: {download['url']}"
                f" (MD5 {download['md5']}, {download['licence']}). Cite: {download['citation']}."
            )
        for note in [*part.provenance.get("steps", []), *part.provenance.get("notes", [])]:
            yield f"  {note}"
    for model in added.trained:
        rows, columns, known = len(model.fitted.trained_on), len(model.fitted.genes), model.sources
        yield (
            f"{model.line}: a model trained on {rows:,} perturbations x {columns:,} genes, unit"
            f" {model.unit}, with {' and '.join(known)}; without its screen"
        )


def _coverage(data: Dataset) -> Iterable[str]:
    if data.trained:
        return
    if not data.screens or not data.embeddings:
        missing = "embedding" if data.screens else "screen"
        yield f"The data set has no {missing} yet. Pages show it once one is imported."
        return
    found = coverage(list(data.screens.values()), list(data.embeddings.values()))
    if len(data.screens) > 1:
        yield f"{', '.join(data.screens)} have {found[0].total:,} perturbations in common"
        for line, names in data.unshared.items():
            if names:
                yield f"  {len(names):,} of {line} are not in all: {preview(names)}"
    for one in found:
        yield f"{one.found:,} of {one.total:,} perturbations have a vector in {one.embedding}"
        if one.met:
            yield f"  {one.met}"
        if one.embedding in data.embeddings:
            yield from (f"  {line}" for line in left_out(one.left_out))


def _gene_sets(data: Dataset, added: Parts) -> Iterable[str]:
    for collection in added.gene_sets:
        line = f"{collection.name}: {len(collection.members):,} gene sets"
        if data.screens:
            screen = next(iter(data.screens.values()))
            perturbed = len(collection.within(screen.perturbations).members)
            measured = len(collection.within(screen.genes).members)
            line += f", {perturbed:,} with a perturbation, {measured:,} with a measured gene"
        yield line
        for note in (named_as(set().union(*collection.members.values())), *collection.notes):
            yield f"  {note}"
    if added.screens and set(BUILT_IN_SETS) & set(data.collections(added.screens[0].perturbations)):
        yield f"Gene sets of human genes come with llmpert: {', '.join(BUILT_IN_SETS)}"


def _published(data: Dataset, published: Iterable[Published]) -> Iterable[str]:
    for results in published:
        table, screen = results.table, data.screens[results.line]
        spelt = results.spelt_among(screen.perturbations)
        yield (
            f"{results.line}: published {', '.join(table['metric'].unique())} of"
            f" {', '.join(table['method'].unique())}, {len(results.perturbations):,} perturbations,"
            f" {len(spelt):,} of them in the screen"
        )
        others = [name for name in results.perturbations if name not in spelt]
        if others:
            yield f"  {len(others):,} not in the screen: {preview(others)}"


def _external(data: Dataset, external: Iterable[ExternalPredictions]) -> Iterable[str]:
    for given in external:
        found = data.matching(given)
        screen = data.problem(found.line).screen
        missing, tested = not_predicted(found, screen), len(screen.perturbations)
        yield (
            f"{found.line}: predictions of {found.method} for {tested - len(missing):,} of the"
            f" {tested:,} perturbations that models are tested on, by {len(found.trained_on):,}"
            f" models, each trained on {found.train_size:,} or more others"
        )
        if doubt := not_differences(found, screen):
            yield f"  {doubt}"
        if missing:
            yield f"  {len(missing):,} not predicted: {preview(missing)}"
        if others := len(given.perturbations) - len(found.perturbations):
            yield f"  {others:,} more perturbations are not in the screen"
        if unread := len(given.genes) - len(found.genes):
            yield f"  {unread:,} more genes are not in the screen"
