"""Data: what is here, what can be downloaded, and how to use one's own."""

import streamlit as st

from llmpert.ui import controls, downloading, here, show, wizard

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
