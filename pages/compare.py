"""Two predictions side by side: genes, lines, models or embeddings."""

import streamlit as st

from llmpert.ui.common import components as show
from llmpert.ui.common.selection import select
from llmpert.ui.compare import view as page

selection = select(model=True)
show.heading(
    "Compare",
    "Two predictions on common axes, and the genes on which they disagree. Predictions never saw"
    " the measurement that is drawn beside them.",
    selection.data,
)
differs = page.what_differs(selection)
one, other = page.choose_subjects(selection, differs)
if one == other:
    show.info("Both sides are the same: choose two different ones.")
    st.stop()
page.show_comparison(one, other, differs)
