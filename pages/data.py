"""Data: what is here, what can be downloaded, and how to use one's own."""

import streamlit as st

from llmpert.ui.common import components as show
from llmpert.ui.common import selection as controls
from llmpert.ui.datasets import download_panel as downloading
from llmpert.ui.datasets import listing as here
from llmpert.ui.datasets import upload_wizard as wizard

dataset = controls.choose_dataset()
show.heading(
    "Data",
    "Which data sets are here, which public ones can be fetched, and how to use your own screen and"
    " embedding on every page.",
    dataset,
)
yours, public, kept = st.tabs(["Use your own", "Download public data", "What is here"])
with yours:
    wizard.wizard()
with public:
    downloading.offer()
with kept:
    here.list_all(dataset)
