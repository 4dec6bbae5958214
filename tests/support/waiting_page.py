"""A page that fits, for as many seconds as its address says, in a cached function."""

import time

import streamlit as st

from llmpert.ui.common.waiting import turn


@st.cache_resource(show_spinner=False)
def fit(seconds: float) -> float:
    with turn("gp", 1, 1):
        time.sleep(seconds)
    return seconds


st.write(f"Fitted in {fit(float(st.query_params['seconds']))} s")
