"""The pages of llmpert; start with `streamlit run app.py`."""

import os

import streamlit as st

# Fits of several visitors share the cores; threads that wait by spinning for long would slow all
# of them many times over, threads that never spin slow each. It counts only before torch is
# imported.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

PAGES = [
    st.Page("pages/start.py", title="Start", icon=":material/home:", default=True),
    st.Page("pages/gene.py", title="Gene", icon=":material/genetics:"),
    st.Page("pages/learning_curves.py", title="Learning curves", icon=":material/show_chart:"),
    st.Page("pages/model_classes.py", title="Model classes", icon=":material/category:"),
    st.Page("pages/table.py", title="Table 1", icon=":material/table:"),
]

page = st.navigation(PAGES)
st.set_page_config(f"{page.title} · llmpert", ":material/genetics:", layout="wide")
page.run()
