"""The pages of llmpert; start with `streamlit run app.py`."""

import streamlit as st

PAGES = [
    st.Page("pages/start.py", title="Start", icon=":material/home:", default=True),
    st.Page("pages/gene.py", title="Gene", icon=":material/genetics:"),
    st.Page("pages/learning_curves.py", title="Learning curves", icon=":material/show_chart:"),
    st.Page("pages/model_classes.py", title="Model classes", icon=":material/category:"),
    st.Page("pages/table.py", title="Table 1", icon=":material/table:"),
]

st.set_page_config(page_title="llmpert", page_icon=":material/genetics:", layout="wide")
st.navigation(PAGES).run()
