"""A page that fits in a cached function, for as long and as often as its address says."""

import time
from contextlib import nullcontext

import streamlit as st

from llmpert.ui.common.waiting import cancellable, turn


@st.cache_resource(show_spinner=False)
def fit(seconds: float, times: int) -> float:
    with cancellable() if times > 1 else nullcontext():
        for _ in range(times):
            with turn("gp", 1, 1):
                time.sleep(seconds)
    return seconds


asked = st.query_params
st.write(f"Fitted in {fit(float(asked['seconds']), int(asked.get('times', 1)))} s")
