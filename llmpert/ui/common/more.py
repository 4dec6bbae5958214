"""Where the documentation explains what a page shows."""

import streamlit as st

MORE = {
    "": "faq",
    "gene": "methods#trust",
    "effects": "methods#what-a-prediction-rests-on",
    "compare": "sharp-bits",
    "gene_list": "app#pages",
    "describe": "benchmarks#genes-described-in-words",
    "collection": "app#share-save-present",
    "find": "methods#search-by-a-state",
    "design": "methods#the-next-knockdowns",
    "intervals": "benchmarks#intervals",
    "which_model": "methods#scores",
    "across_lines": "methods#across-lines",
    "head_to_head": "other-methods#bring-a-methods-predictions-in",
    "learning_curves": "benchmarks#as-training-data-grow",
    "model_classes": "methods#the-other-models",
    "table": "methods#evaluation",
    "explorer": "data#embeddings-of-human-genes",
    "data": "data",
}
"""Page, as in its address -> a file of `docs/`, and a heading in it."""


def read_more() -> str:
    """Return a link, in Markdown, to what explains the page that is open; "" without any."""
    topic, mark, heading = MORE.get(st.session_state.get("page", ""), "").partition("#")
    return f"[Read more](documentation?topic={topic}{mark}{heading})" if topic else ""
