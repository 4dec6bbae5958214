"""One gene: its predicted response, whether to believe it, and what it rests on."""

import streamlit as st

from llmpert.insight.ranking import strong_perturbation
from llmpert.ui.common import components as show
from llmpert.ui.common.gene_search import choose_gene, show_identity
from llmpert.ui.common.selection import select
from llmpert.ui.gene import view as page
from llmpert.ui.gene.prediction import predict, predicted_elsewhere
from llmpert.ui.gene.sections import GeneView

selection = select()
show.heading(
    "Gene",
    "How would the cell's expression respond to knocking down this gene? The prediction never saw"
    " the gene's own measurement.",
    selection.data,
)
problem = selection.experiment.problem
gene = choose_gene(problem, strong_perturbation(problem.screen), data=selection.data)
show_identity(problem, gene)
view = GeneView(selection, gene, predict(selection, gene), predicted_elsewhere(selection, gene))
show.name_tab(f"{gene} in {selection.line}")
left, right = st.columns([3, 1], vertical_alignment="bottom")
left.subheader(view.title)
page.summary(view)
sections = [page.response(view), page.trust(view), page.foundation(view), page.all_genes(view)]
with right:
    page.offer_report(view, sections)
