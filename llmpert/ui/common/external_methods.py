"""Sentences on imported methods: their origin, and their gaps."""

from collections.abc import Collection

from llmpert.datasets import Dataset
from llmpert.methods.predictions import ExternalPredictions, not_predicted
from llmpert.ui.common import cache


def origin(
    data: Dataset,
    lines: Collection[str],
    size: int | None = None,
    methods: Collection[str] | None = None,
) -> str:
    """Return the origin of imported methods on these lines; "" without any.

    Args:
        size: The training size that they have to have; by default any.
        methods: Which of them; by default all.
    """
    found = []
    for line in lines:
        every = data.external.get(line, ())
        if size is not None:
            every = tuple(cache.external(data, line, size).values())
        for one in every:
            if methods is None or one.method in methods:
                words = f"{one.method} on {line}" if len(lines) > 1 else one.method
                found.append(f"{words}{_how(data, one)}")
    if not found:
        return ""
    return (
        f"Imported: {'; '.join(found)}. Imported predictions are scored on knockdowns held out"
        " from the method, with the same genes and metrics as all models."
    )


def _how(data: Dataset, one: ExternalPredictions) -> str:
    """Return how predictions were made, if their file states it, and how many are missing.

    Of the versions the first: the method's own, before those of the libraries beneath it.
    """
    versions, seconds = one.about.get("versions"), one.about.get("seconds")
    parts = []
    if isinstance(versions, dict):
        parts += [f"{name} {version}" for name, version in list(versions.items())[:1]]
    if isinstance(seconds, int | float):
        parts.append(f"{seconds / 60:,.0f} minutes" if seconds >= 90 else f"{seconds:.0f} seconds")
    words = f" ({'; '.join(parts)})" if parts else ""
    words += f" with {one.train_size:,} training perturbations"
    tested = data.problem(one.line).screen
    missing, count = len(not_predicted(one, tested)), len(tested.perturbations)
    if missing:
        words += f", {count - missing:,} of {count:,} perturbations predicted"
    return words


def other_sizes(data: Dataset, line: str, size: int) -> str:
    """Return which methods were run elsewhere, but not with this training size; or ""."""
    with_size = cache.external(data, line, size)
    sizes: dict[str, list[str]] = {}
    for one in data.external.get(line, ()):
        if one.method not in with_size:
            sizes.setdefault(one.method, []).append(f"{one.train_size:,}")
    return "".join(
        f" {method} was run with {' and '.join(with_)} training perturbations, not with {size:,}."
        for method, with_ in sizes.items()
    ).strip()
