"""Figure 2: classes of models on each embedding."""

from llmpert.figures.model_classes import model_classes
from llmpert.models import MODELS
from llmpert.ui.common import cache as data
from llmpert.ui.common import components as show
from llmpert.ui.common import external_methods as elsewhere
from llmpert.ui.common import selection as controls

dataset = controls.choose_dataset()
line = controls.choose_line(dataset)
size = controls.choose_size(dataset)
show.heading(
    "Model classes",
    "Does it matter how the embedding is used? The same inputs through the nearest neighbour,"
    " linear models, the paper's Gaussian process and this program's; lines across need none of"
    " these embeddings.",
    dataset,
)
with show.errors_as_sentences():
    summary, about = data.summary(dataset, [line], list(MODELS), [size])
show.figure(
    model_classes(summary, line, size, list(data.METRICS.values())),
    name=f"model-classes-{line}-{size}",
    alt=f"Accuracy of nearest neighbour, linear models and two Gaussian processes in {line} by"
    " embedding, one panel a metric; lines across for models that use none.",
    numbers=summary,
    caption=f"{elsewhere.origin(dataset, [line], size)} {show.caption(dataset, about)}".strip(),
    data=dataset,
)
show.left_out(summary)
