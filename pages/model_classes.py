"""Figure 2: kNN, linear regression and the Gaussian process on each embedding."""

from llmpert.figures.model_classes import model_classes
from llmpert.models import MODELS
from llmpert.ui import controls, data, show

dataset = controls.choose_dataset()
line = controls.choose_line(dataset)
size = controls.choose_size(dataset)
show.heading(
    "Model classes",
    "Does it matter how the embedding is used? The same inputs through the nearest neighbour, a"
    " linear regression, the paper's Gaussian process and this program's; dashed lines need no"
    " embedding at all.",
    dataset,
)
with show.errors_as_sentences():
    summary, about = data.summary(dataset, [line], list(MODELS), [size])
show.figure(
    model_classes(summary, line, size, list(data.METRICS.values()), dataset.simulated),
    name=f"model-classes-{line}-{size}",
    alt=f"Accuracy of kNN, linear regression and two Gaussian processes in {line} by embedding,"
    " one panel a metric.",
    numbers=summary,
    caption=show.caption(dataset, about),
    data=dataset,
)
