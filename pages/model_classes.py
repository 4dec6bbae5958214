"""Figure 2: classes of models on each embedding."""

from llmpert.evaluation.results import on_embeddings
from llmpert.figures.evaluation import model_classes
from llmpert.models.registry import MODELS
from llmpert.ui.common import cache, script
from llmpert.ui.common import components as show
from llmpert.ui.common.external_methods import origin
from llmpert.ui.common.selection import choose_embeddings, select
from llmpert.ui.sources import show_sources

selection = select("Model classes", embedding=False, results=True)
data, line, size = selection.data, selection.line, selection.size
show.heading(
    "Compare model classes on the same embeddings: nearest neighbour, linear models, Gaussian"
    " processes. Horizontal lines show models that use no embedding.",
    data,
)
summary, about = cache.summary(data, [line], list(MODELS), size)
metrics, every = list(cache.METRICS.values()), summary
embeddings = choose_embeddings(data)
summary = on_embeddings(summary, embeddings)
chart = cache.once(
    lambda: model_classes(summary, line, size, metrics),
    "model classes",
    data,
    line,
    size,
    tuple(embeddings),
)
show.figure(
    chart,
    name=f"model-classes-{line}-{size}",
    alt=f"Accuracy of nearest neighbour, linear models and two Gaussian processes in {line} by"
    " embedding, one panel a metric; lines across for models that use none.",
    numbers=summary,
    note=f"{line}, {show.trained_on(summary)}. Responses in {selection.unit}.",
    data=data,
    about=about,
    details=origin(data, [line], size),
    code=script.of_summary(data, [line], list(MODELS), size, embeddings),
)
show.best_of(summary, line, size, metrics)
show.left_out(summary)
show_sources(selection, every)
