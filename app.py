"""The pages of llmpert; start with `streamlit run app.py`.

The server imports this file once, for `app`. Streamlit runs it again for every visitor and click.
"""

import streamlit as st

from llmpert.runtime import wait_briefly

wait_briefly()

if __name__ == "__main__":
    from llmpert.ui.common import presentation
    from llmpert.ui.common.components import errors_as_sentences

    # Before the navigation and not a Material symbol: for those the browser would fetch a picture
    # from the internet.
    st.set_page_config(page_icon="🧬", layout="wide")
    pages = {
        "": [st.Page("pages/start.py", title="Start", icon=":material/home:", default=True)],
        "Ask": [
            st.Page("pages/gene.py", title="Gene", icon=":material/genetics:"),
            st.Page("pages/effects.py", title="What changes a gene?", icon=":material/swap_vert:"),
            st.Page("pages/compare.py", title="Compare", icon=":material/compare_arrows:"),
            st.Page("pages/find.py", title="Find a knockdown", icon=":material/search:"),
            st.Page("pages/gene_list.py", title="A list of genes", icon=":material/list:"),
            st.Page("pages/design.py", title="Plan a screen", icon=":material/checklist:"),
            st.Page("pages/describe.py", title="Describe a gene", icon=":material/edit_note:"),
            st.Page("pages/collection.py", title="Collection", icon=":material/keep:"),
        ],
        "Evidence": [
            st.Page(
                "pages/intervals.py", title="Can I trust the intervals?", icon=":material/verified:"
            ),
            st.Page(
                "pages/which_model.py", title="Which model is best?", icon=":material/leaderboard:"
            ),
            st.Page("pages/across_lines.py", title="Across lines", icon=":material/lan:"),
            st.Page("pages/head_to_head.py", title="Head to head", icon=":material/scatter_plot:"),
            st.Page(
                "pages/learning_curves.py", title="Learning curves", icon=":material/show_chart:"
            ),
            st.Page("pages/model_classes.py", title="Model classes", icon=":material/category:"),
            st.Page("pages/table.py", title="Table 1", icon=":material/table:"),
        ],
        "Maps": [st.Page("pages/explorer.py", title="Explorer", icon=":material/explore:")],
        "Data": [st.Page("pages/data.py", title="Data", icon=":material/database:")],
        "Help": [
            st.Page("pages/documentation.py", title="Documentation", icon=":material/menu_book:")
        ],
    }
    page = st.navigation(pages, position="top")
    st.set_page_config(f"{page.title} · llmpert")
    st.session_state["page"] = page.url_path
    with errors_as_sentences():
        page.run()
        presentation.end()
else:
    from llmpert.ui.serving.parts import parts

    app = st.App(__file__, **parts())
