"""Start: what this is and which data are loaded."""

import json

import streamlit as st

from llmpert.ui.common import cache
from llmpert.ui.common import components as show
from llmpert.ui.common.selection import choose_dataset
from llmpert.ui.datasets.download_panel import offer_real_screens
from llmpert.ui.datasets.job_panel import show_job

CARDS = (
    (
        "Look up a gene",
        "Its predicted response, how sure the model is, whether to believe it, and the measurement"
        " beside it.",
        (
            ("gene", "Open a gene", "genetics"),
            ("effects", "What changes a gene?", "swap_vert"),
            ("compare", "Compare two predictions", "compare_arrows"),
            ("explorer", "Explore the embeddings", "explore"),
        ),
    ),
    (
        "How good are predictions?",
        "Accuracy on held-out knockdowns as the training set grows, in every cell line.",
        (("learning_curves", "See learning curves", "show_chart"),),
    ),
    (
        "Which model, which embedding?",
        "Neighbours, linear regression and Gaussian processes compared, in numbers and knockdown by"
        " knockdown.",
        (
            ("head_to_head", "Head to head", "scatter_plot"),
            ("model_classes", "Compare models", "category"),
            ("table", "See Table 1", "table"),
        ),
    ),
)

data = choose_dataset()
show.heading(
    "llmpert",
    "Predicts how a cell's gene expression responds to knocking down a gene **that nobody has"
    " knocked down yet**, from what language models know about genes — with error bars, and with"
    " the evidence for when to believe them.",
    data,
)
show_job(ended=False)
offer_real_screens()
columns = st.columns(len(CARDS))
for column, (title, words, links) in zip(columns, CARDS, strict=True):
    with column.container(border=True, height="stretch"):
        st.subheader(title)
        st.markdown(words)
        for path, label, icon in links:
            st.page_link(f"pages/{path}.py", label=label, icon=f":material/{icon}:")

st.header("Data loaded")
st.page_link(
    "pages/data.py", label="Use your own screens, or public ones", icon=":material/database:"
)
if data.screens:
    show.rows(
        {
            "Cell line": screen.line,
            "Perturbations": len(screen.perturbations),
            "Measured genes": len(screen.genes),
            "Unit of the response": screen.unit,
            "Source": screen.provenance.get("source", ""),
            "Licence": screen.provenance.get("licence", ""),
            "Fingerprint": screen.fingerprint,
        }
        for screen in data.screens.values()
    )
if data.trained:
    st.markdown("Trained models, which predict without the screens they were trained on:")
    show.rows(
        {
            "Cell line": line,
            "Trained on": len(model.fitted.trained_on),
            "Genes predicted": len(model.fitted.genes),
            "Unit of the response": model.unit,
            "Correlation, held out": round(model.accuracy.mean(), 3),
        }
        for line, model in data.trained.items()
    )
show.rows(
    {
        "Embedding": embedding.name,
        "Genes": len(embedding.genes),
        "Numbers a gene": embedding.dimensions,
        "Source": embedding.provenance.get("source", ""),
        "Stand-in": "yes" if embedding.provenance.get("stand_in") else "no",
        "Notes": " ".join(map(str, embedding.provenance.get("notes", []))),
        "Fingerprint": embedding.fingerprint,
    }
    for embedding in data.embeddings.values()
)
predicted = [
    {
        "Method": one.method,
        "Cell line": line,
        "What": "predictions, scored here",
        "Perturbations": len(one.perturbations),
        "Training perturbations": f"{one.train_size:,}",
        "Source": json.dumps(one.about) if one.about else "",
    }
    for line, every in data.external.items()
    for one in every
]
published = [
    {
        "Method": method,
        "Cell line": line,
        "What": f"published values: {', '.join(rows['metric'].unique())}",
        "Perturbations": rows["perturbation"].nunique(),
        "Training perturbations": "not known",
        "Source": results.source,
    }
    for line, results in data.published.items()
    for method, rows in results.table.groupby("method")
]
if predicted or published:
    st.markdown("Methods that were run elsewhere:")
    show.rows(predicted + published)
first_line = data.lines[0]
sets, collections = data.gene_sets, cache.collections(data, first_line, "perturbations")
if sets is not None:
    st.markdown(f"**{len(sets.members):,}** gene sets: {sets.name} ({sets.source}).")
if built_in := [name for name in collections if sets is None or name != sets.name]:
    st.markdown(f"Gene sets that come with llmpert: {', '.join(built_in)}.")
if not collections:
    st.markdown("No gene sets are loaded: pages cannot say what genes have in common.")
if data.trained:
    st.stop()
problem = data.problem(first_line)
st.markdown(
    f"**{len(problem.screen.perturbations):,}** perturbations have every embedding and are used for"
    " all comparisons."
)
if problem.left_out:
    with st.expander(f"{len(problem.left_out):,} perturbations are left out: why?"):
        show.rows({"Perturbation": name, "Why": why} for name, why in problem.left_out.items())
