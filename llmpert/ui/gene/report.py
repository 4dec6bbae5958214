"""The report of one gene, built when somebody downloads it."""

from collections.abc import Sequence

import streamlit as st

from llmpert.datasets import Dataset
from llmpert.figures.report import Section, report


def offer(
    title: str, facts: Sequence[str], sections: Sequence[Section], caption: str, data: Dataset
) -> None:
    """A button that downloads the report; megabytes of HTML are only written once it is pressed."""

    def build() -> bytes:
        return report(title, facts, sections, caption, data.simulated).encode()

    st.download_button(
        "Report (HTML)",
        build,
        file_name=f"llmpert-{title.replace(' ', '-')}{'-simulated' * data.simulated}.html",
        mime="text/html",
        on_click="ignore",
        icon=":material/article:",
        key="report",
        help="Everything on this page in one file that opens without a network, figures included.",
    )
