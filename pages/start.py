"""Start: what this is and which data are loaded."""

import streamlit as st

from llmpert.ui import controls, show

dataset = controls.choose_dataset()
show.heading(
    "llmpert",
    "Predicts how a cell's gene expression responds to knocking down a gene **that nobody has"
    " knocked down yet**, from what language models know about genes — with error bars, and with"
    " the evidence for when to believe them.",
    dataset,
)
first, second, third = st.columns(3)
with first.container(border=True, height="stretch"):
    st.subheader("Look up a gene")
    st.markdown("Its predicted response, how sure the model is, and the measurement beside it.")
    st.page_link("pages/gene.py", label="Open a gene", icon=":material/genetics:")
with second.container(border=True, height="stretch"):
    st.subheader("How good are predictions?")
    st.markdown("Accuracy on held-out knockdowns as the training set grows, in every cell line.")
    st.page_link(
        "pages/learning_curves.py", label="See learning curves", icon=":material/show_chart:"
    )
with third.container(border=True, height="stretch"):
    st.subheader("Which model, which embedding?")
    st.markdown("Neighbours, linear regression and Gaussian processes compared, in numbers.")
    st.page_link("pages/model_classes.py", label="Compare models", icon=":material/category:")
    st.page_link("pages/table.py", label="See Table 1", icon=":material/table:")

st.header("Data loaded")
st.dataframe(
    [
        {
            "Cell line": screen.line,
            "Perturbations": len(screen.perturbations),
            "Measured genes": len(screen.genes),
            "Unit of the response": screen.unit,
            "Source": screen.provenance.get("source", ""),
            "Licence": screen.provenance.get("licence", ""),
            "Fingerprint": screen.fingerprint,
        }
        for screen in dataset.screens.values()
    ],
    hide_index=True,
)
st.dataframe(
    [
        {
            "Embedding": embedding.name,
            "Genes": len(embedding.genes),
            "Numbers a gene": embedding.dimensions,
            "Source": embedding.provenance.get("source", ""),
            "Stand-in": "yes" if embedding.provenance.get("stand_in") else "no",
            "Notes": " ".join(map(str, embedding.provenance.get("notes", []))),
            "Fingerprint": embedding.fingerprint,
        }
        for embedding in dataset.embeddings.values()
    ],
    hide_index=True,
)
with show.errors_as_sentences():
    line = next(iter(dataset.screens))
    problem = dataset.problem(line, dataset.embedding_choices[-1])
st.markdown(
    f"**{len(problem.screen.perturbations):,}** perturbations have every embedding and are used for"
    " all comparisons."
)
if problem.left_out:
    with st.expander(f"{len(problem.left_out):,} perturbations are left out: why?"):
        st.dataframe(
            [{"Perturbation": name, "Why": why} for name, why in problem.left_out.items()],
            hide_index=True,
        )
with st.expander("Use your own screens"):
    st.markdown(
        "Stop the program, import files of differences to control (`.h5ad`, CSV, Parquet) with"
        " embeddings, and start it again:"
    )
    st.code(
        "python -m llmpert import --name my-screen --screen responses.h5ad"
        " --embedding text=genept.pickle --embedding sequence=per-protein.h5\n"
        "python -m llmpert serve",
        language="bash",
    )
