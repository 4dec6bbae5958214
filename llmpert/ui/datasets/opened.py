"""What the data set holds that is open: screens or models, embeddings, methods, gene sets."""

from collections.abc import Iterable, Mapping

import streamlit as st

from llmpert.datasets import Dataset
from llmpert.screens.screen import bounds_in_words
from llmpert.ui.common import cache
from llmpert.ui.common import components as show
from llmpert.ui.common.selection import called
from llmpert.ui.datasets.report_card import offer_report_card


def show_opened(data: Dataset) -> None:
    """Show each part of a data set with source and fingerprint, and perturbations left out."""
    st.subheader(f"Open now: {show.verbatim(called(data.name))}")
    _table(
        {
            "Cell line": screen.line,
            "Perturbations": f"{len(screen.perturbations):,}",
            "Measured genes": f"{len(screen.genes):,}",
            "Unit of the response": screen.unit
            + (f" ({bounds_in_words(screen.bounds)})" if screen.bounds else ""),
            "Source": screen.provenance.get("source", ""),
            "Licence": screen.provenance.get("licence", ""),
            "Fingerprint": screen.fingerprint[:8],
        }
        for screen in data.screens.values()
    )
    for screen in data.screens.values():
        offer_report_card(screen, screen.line, (data.fingerprint, screen.line))
    if data.trained:
        st.caption("No report card: this data set has trained models and no measurements.")
    _table(
        {
            "Trained model of": line,
            "Trained on": f"{len(model.fitted.trained_on):,} knockdowns",
            "Genes predicted": f"{len(model.fitted.genes):,}",
            "Unit of the response": model.unit,
            "Correlation, held out": f"{model.accuracy.mean():.3f}",
        }
        for line, model in data.trained.items()
    )
    _table(
        {
            "Embedding": embedding.name,
            "Genes": f"{len(embedding.genes):,}",
            "Numbers a gene": f"{embedding.dimensions:,}",
            "Source": embedding.provenance.get("source", ""),
            "Stand-in": "yes" if embedding.provenance.get("stand_in") else "no",
            "Notes": " ".join(map(str, embedding.provenance.get("notes", []))),
            "Fingerprint": embedding.fingerprint[:8],
        }
        for embedding in data.embeddings.values()
    )
    _table(_methods(data))
    line = data.lines[0]
    sets, collections = data.gene_sets, cache.collections(data, line, "perturbations")
    if sets is not None:
        st.markdown(f"**{len(sets.members):,}** gene sets: {sets.name} ({sets.source}).")
    if built_in := [name for name in collections if sets is None or name != sets.name]:
        st.markdown(f"Gene sets that come with llmpert: {', '.join(built_in)}.")
    if not collections:
        st.markdown("No gene sets: pages cannot show what genes have in common.")
    if data.screens:
        _left_out(data, line)


def _methods(data: Dataset) -> Iterable[Mapping[str, str]]:
    """Return a row for each method that was run elsewhere, and each that others published."""
    for line, every in data.external.items():
        for one in every:
            yield {
                "Method": one.method,
                "Cell line": line,
                "What": "predictions, scored here",
                "Perturbations": f"{len(one.perturbations):,}",
                "Training perturbations": f"{one.train_size:,}",
                "Source": "; ".join(f"{key}: {value}" for key, value in one.about.items()),
            }
    for line, results in data.published.items():
        for method, rows in results.table.groupby("method"):
            yield {
                "Method": str(method),
                "Cell line": line,
                "What": f"published values: {', '.join(rows['metric'].unique())}",
                "Perturbations": f"{rows['perturbation'].nunique():,}",
                "Training perturbations": "not known",
                "Source": results.source,
            }


def _left_out(data: Dataset, line: str) -> None:
    """Say how many perturbations are compared, and why the others are not."""
    problem = data.problem(line)
    st.markdown(
        f"**{len(problem.screen.perturbations):,}** perturbations of {line} have every embedding"
        " and are used for all comparisons."
    )
    if problem.left_out:
        with st.expander(f"{len(problem.left_out):,} perturbations are left out: why?"):
            show.rows({"Perturbation": name, "Why": why} for name, why in problem.left_out.items())


def _table(rows: Iterable[Mapping[str, str]]) -> None:
    """Show rows whose words wrap: nothing is cut off at the right."""
    if listed := [{key: show.verbatim(str(cell)) for key, cell in row.items()} for row in rows]:
        st.table(listed)
