"""The report card of a screen: made when it is opened."""

from collections.abc import Hashable

import streamlit as st

from llmpert.datasets.reading import histogram
from llmpert.figures.screen import response_sizes
from llmpert.figures.theme import EXPORT, mark_simulated
from llmpert.insight.findings import Finding, Grade
from llmpert.insight.report_card import report_card
from llmpert.screens import Screen
from llmpert.ui.common import cache
from llmpert.ui.common import components as show

BADGES = {
    Grade.PROBLEM: "red-badge[:material/dangerous: problem]",
    Grade.LOOK: "orange-badge[:material/warning: look]",
    Grade.FINE: "green-badge[:material/check: fine]",
    Grade.UNKNOWN: "gray-badge[:material/question_mark: unknown]",
}
"""Shape and word say the same as the colour."""

COLUMNS = {
    "perturbation": st.column_config.TextColumn("Knockdown", pinned=True),
    "remarks": st.column_config.TextColumn("Remarks", width="medium"),
    "cells": show.number("Cells", format="%d"),
    "target": st.column_config.TextColumn(
        "Target", help="The targeted gene, where it is measured."
    ),
    "target_response": show.number(
        "Target's response", format="%.2f", help="Of the target in its own knockdown."
    ),
    "size": show.number("Size", format="%.3g", help="Root mean square of the response."),
    "agreement": show.number(
        "Agreement", format="%.2f", help="How well a repeat is expected to correlate with it."
    ),
    "closest": st.column_config.TextColumn("Most similar"),
    "similarity": show.number(
        "Similarity", format="%.2f", help="Correlation, both relative to the mean response."
    ),
}


def offer_report_card(screen: Screen, place: str, key: Hashable, figure: bool = True) -> None:
    """Offer the report card of a screen.

    Args:
        place: Of the card on the page.
        key: Tells the screen from others.
        figure: Whether to show how frequent responses of each size are, too.
    """
    name = f"report-card-{place}"
    opened = st.expander(
        f"Report card of {show.verbatim(screen.line)}: what is it worth for predictions?",
        key=name,
        on_change="rerun",
    )
    if opened.open:
        with opened, st.spinner("Looking at every knockdown …"):
            _show(screen, key, name, figure)


def _show(screen: Screen, key: Hashable, name: str, figure: bool) -> None:
    card = cache.once(lambda: report_card(screen), "report card", key)
    st.markdown(f"{card.headline.capitalize()}.")
    st.markdown("\n".join(f"- {_words(finding)}" for finding in card.findings))
    with st.container(horizontal=True):
        file_name = f"{screen.line}_report" + "_simulated" * screen.simulated
        for label, ending, mime, content in (
            ("Knockdowns (CSV)", "csv", "text/csv", lambda: card.knockdowns.to_csv(index=False)),
            ("All of it (JSON)", "json", "application/json", card.json),
        ):
            st.download_button(
                label, content, f"{file_name}.{ending}", mime, key=f"{name}-{ending}",
                on_click="ignore", icon=":material/download:",
            )  # fmt: skip
    table = card.knockdowns.dropna(axis="columns", how="all")
    remarked = table["remarks"] != ""
    table = table[[name for name in COLUMNS if name in table]]
    table = table.iloc[(~remarked).to_numpy().argsort(kind="stable")]
    places = st.columns(2) if figure else [st.container()]
    places[0].dataframe(table, hide_index=True, column_config=COLUMNS)
    if figure:
        chart = response_sizes(histogram(screen), screen.line, screen.unit)
        places[1].plotly_chart(
            mark_simulated(chart) if screen.simulated else chart,
            key=f"{name}-sizes",
            config=EXPORT,
            alt=f"Histogram of the responses in {screen.line}; a sharp peak at zero is normal.",
        )


def _words(finding: Finding) -> str:
    found, meaning = show.verbatim(finding.found), show.verbatim(finding.meaning)
    return f":{BADGES[finding.grade]} **{finding.what}.** {found} *{meaning}*"
