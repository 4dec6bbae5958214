"""The other direction: which knockdowns change one measured gene."""

import streamlit as st

from llmpert.figures.effects import ranked_knockdowns
from llmpert.insight.effects import effects_on
from llmpert.insight.ranking import correlation, strongest
from llmpert.models.registry import MODELS, label
from llmpert.ui.common import components as show
from llmpert.ui.common import selection as controls
from llmpert.ui.common.external_methods import origin
from llmpert.ui.effects.view import changing_gene, choose_measured_gene, held_out, unseen

COUNTS = (10, 20, 30, 50)

dataset = controls.choose_dataset()
line = controls.choose_line(dataset)
embedding = controls.choose_embedding(dataset)
size = controls.choose_size(dataset)
model = controls.choose_model(dataset, line, size)
show.heading(
    "What changes a gene?",
    "Which knockdowns raise or lower the expression of one gene: as measured, and as predicted by"
    " models that did not see the knockdown.",
    dataset,
)
with show.errors_as_sentences():
    screen = dataset.problem(line, embedding).screen
    gene = choose_measured_gene(screen, changing_gene(screen))
    first, second, third = st.columns([2, 2, 3], vertical_alignment="bottom")
    ranked_by = (
        first.segmented_control(
            "Ranked by",
            ["measured", "predicted"],
            default="measured",
            key="ranked",
            bind="query-params",
            format_func=str.capitalize,
            help="The absolute effect that ranks the knockdowns.",
        )
        or "measured"
    )
    count = second.select_slider(
        "Knockdowns shown", COUNTS, value=20, key="knockdowns", bind="query-params"
    )
    wanted = third.toggle(
        "Also genes that nobody knocked down here",
        key="unseen",
        bind="query-params",
        disabled=model not in MODELS,
        help="Adds predictions for every other gene with an embedding. They rank by their predicted"
        " effect only. Not for methods that were run elsewhere: they predicted this screen's"
        " knockdowns.",
    )
    also_unseen = wanted and model in MODELS
    table = effects_on(
        gene,
        screen,
        held_out(dataset, line, embedding, size, model),
        unseen(dataset, line, embedding, model) if also_unseen else None,
    )
show.name_tab(f"What changes {gene} in {line}?")
if also_unseen and ranked_by == "measured":
    st.info("Genes that were not knocked down have no measured effect: rank by *Predicted*.")
if table["predicted"].isna().all():
    st.info(
        f"{gene} is measured here, but **not predicted** by {label(model)}: it varies too little"
        " between training knockdowns to be among the predicted genes.",
        icon=":material/info:",
    )
    ranked_by = "measured"
shown = strongest(table, ranked_by, count)
r = correlation(table, "predicted", "measured")
st.metric(
    "Measured against predicted, over knockdowns",
    "not defined" if r != r else f"r = {r:.2f}",
    help=f"Pearson correlation over all knockdowns between {gene}'s measured response and the one"
    " predicted by a model that did not train on the knockdown.",
)
show.figure(
    ranked_knockdowns(shown, gene, line, screen.unit, ranked_by),
    name=f"effects-on-{gene}-{line}",
    alt=f"The {len(shown)} knockdowns with the strongest {ranked_by} effect on {gene} in {line},"
    " measured and predicted.",
    numbers=table,
    caption=" ".join(
        [
            f"{controls.in_words(model, embedding)}, {size:,} training perturbations.",
            *filter(None, [origin(dataset, [line], size, [model])]),
            show.caption(dataset),
        ]
    ),
    data=dataset,
)
# Not every model gives intervals.
st.dataframe(shown.dropna(axis="columns", how="all"), hide_index=True)
