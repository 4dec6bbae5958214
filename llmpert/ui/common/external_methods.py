"""Words on methods that were run elsewhere: where they come from, and where they have nothing."""

import json
from collections.abc import Collection

from llmpert.datasets import Dataset
from llmpert.methods.predictions import ExternalPredictions
from llmpert.methods.scores import not_predicted
from llmpert.ui.common import cache as shared


def origin(
    data: Dataset,
    lines: Collection[str],
    size: int | None = None,
    methods: Collection[str] | None = None,
) -> str:
    """Where methods come from that were run elsewhere on these lines; "" without any.

    Parameters
    ----------
    size:
        The training size that they have to have; by default any.
    methods:
        Which of them; by default all.
    """
    said = []
    for line in lines:
        every = data.external.get(line, ())
        found = every if size is None else shared.external(data, line, size).values()
        for one in found:
            if methods is None or one.method in methods:
                words = f"{one.method} on {line}" if len(lines) > 1 else one.method
                said.append(f"{words}{_how(data, one)}")
    if not said:
        return ""
    return (
        f"Run elsewhere: {'; '.join(said)}. Predictions of knockdowns that a method was not trained"
        " on are scored here on the same genes and by the same metrics, like with like."
    )


def _how(data: Dataset, one: ExternalPredictions) -> str:
    words = f" ({made_with(one)})" if made_with(one) else ""
    words += f" with {one.train_size:,} training perturbations"
    tested = data.problem(one.line, data.embedding_choices[-1]).screen
    missing, count = len(not_predicted(one, tested)), len(tested.perturbations)
    if missing:
        words += f", {count - missing:,} of {count:,} perturbations predicted"
    return words


def other_sizes(data: Dataset, line: str, size: int) -> str:
    """Which methods were run elsewhere, but not with this training size; or ""."""
    here = shared.external(data, line, size)
    sizes: dict[str, list[str]] = {}
    for one in data.external.get(line, ()):
        if one.method not in here:
            sizes.setdefault(one.method, []).append(f"{one.train_size:,}")
    return "".join(
        f" {method} was run with {' and '.join(with_)} training perturbations, not with {size:,}."
        for method, with_ in sizes.items()
    ).strip()


def listed(data: Dataset) -> list[dict[str, object]]:
    """What a data set holds of methods that were run elsewhere, a row each for a table."""
    predicted: list[dict[str, object]] = [
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
    published: list[dict[str, object]] = [
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
    return predicted + published


def made_with(predictions: ExternalPredictions) -> str:
    """What a file of predictions says of its making: "cell-gears 0.1.2; 140 minutes".

    Of the versions the first: the method's own, before those of the libraries beneath it.
    """
    about = predictions.about
    versions, seconds = about.get("versions"), about.get("seconds")
    said = []
    if isinstance(versions, dict):
        said += [f"{name} {version}" for name, version in list(versions.items())[:1]]
    if isinstance(seconds, int | float):
        said.append(f"{seconds / 60:,.0f} minutes" if seconds >= 90 else f"{seconds:.0f} seconds")
    return "; ".join(part for part in said if part)
