"""Data: data sets, public downloads, and files of one's own."""

import streamlit as st

from llmpert.ui.common import components as show
from llmpert.ui.common.selection import choose_dataset
from llmpert.ui.datasets.download_panel import offer_real_screens, show_downloads
from llmpert.ui.datasets.job_panel import show_job
from llmpert.ui.datasets.listing import list_all
from llmpert.ui.datasets.opened import show_opened
from llmpert.ui.datasets.upload_wizard import wizard

data = choose_dataset("Data")
show.heading(
    "Choose a data set, download a public one, or add your own screen and embedding.",
    data,
)
show_job()
offer_real_screens()
upload, public, listing = st.tabs(["Use your own", "Download public data", "Your data sets"])
with upload:
    wizard()
with public:
    show_downloads()
with listing:
    show_opened(data)
    list_all(data.name)
