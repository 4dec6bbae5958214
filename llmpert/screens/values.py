"""What the numbers of a table are: differences to control, or means from which it is subtracted.

Evidence decides: the control row, the level that each gene keeps over all perturbations, its sign,
whole numbers. Where two readings are possible a `Question` asks for one of them.
"""

from pathlib import Path

import numpy as np

from llmpert.errors import InputError, Question

DIFFERENCES, MEANS = "differences", "means"

FEWEST = 10
"""Perturbations from which a gene's level is more than chance."""
NEAR = 0.5
"""A control row of differences is at most this share of a usual response (root mean squares)."""
NOTHING = 1e-3
"""Of a usual response, what rounding leaves of 0."""
LEVEL = 3.0
"""Where most genes' means over perturbations are so many standard deviations, they have a level."""
LARGEST_LOG = 20.0
"""The logarithm of any count is smaller."""
CHOICES = {
    DIFFERENCES: "to control, taken as they are",
    MEANS: "on a log scale; the control row is subtracted",
}


def differences(
    path: Path,
    values: np.ndarray,
    control: np.ndarray,
    scaled: bool,
    reading: str | None,
    unit: str,
) -> tuple[np.ndarray, str, list[str], list[str]]:
    """Return differences to control, what one unit of them is, the step taken, and notes.

    Args:
        values: float32, perturbations x genes, all finite.
        control: float32, control rows x genes; there may be none.
        scaled: Whether the genes are `standardised` over all rows of the file.
        reading: One of `CHOICES` where the user says which, else evidence decides.
        unit: Of the differences, as far as the file states it.

    Raises:
        InputError: The numbers are counts or linear means, or means without a control row.
        Question: They could be differences or something else.
    """
    positive = bool(values.min() >= 0)
    if positive and values.max() >= 10 and all((row == np.rint(row)).all() for row in values):
        found = f"whole numbers from {values.min():.0f} to {values.max():.0f}, none negative"
        raise InputError.of_file(path, "differences to control", f"{found}: perhaps raw counts")
    why = "as --values says"
    if reading is None:
        reading, why = _judge(path, values, control, scaled)
    if reading == DIFFERENCES:
        steps = [f"Read as differences to control, unchanged ({why})."] if why else []
        notes = _remarks(values, positive, scaled and not len(control))
        return values, unit, steps or ["Read as differences to control, unchanged."], notes
    if not len(control):
        expected = "a row of controls (control, non-targeting, …), to be subtracted from means"
        raise InputError.of_file(path, expected, "none")
    if positive and max(values.max(), control.max()) > LARGEST_LOG:
        found = f"numbers of 0 or more, up to {max(values.max(), control.max()):,.5g}"
        do = "take their logarithm, as in log(1 + x), before the control is subtracted"
        raise InputError.of_file(path, "means on a log scale", f"{found}: {do}")
    mean = control.mean(axis=0, dtype=np.float64)
    step = f"Subtracted the mean of {len(control):,} control row(s) from every row ({why})."
    return (values - mean).astype(np.float32), unit, [step], []


def _judge(path: Path, values: np.ndarray, control: np.ndarray, scaled: bool) -> tuple[str, str]:
    """Return the reading that the evidence is for, and the reason in words ("" without any)."""
    levels = _have_levels(values)
    if not len(control):
        if not levels:
            return DIFFERENCES, ""
        centre = float(np.median(values))
        what = "ratios" if values.min() > 0 and 0.8 < centre < 1.25 else "mean expression"
        found = (
            f"numbers that stay near a level of their own in most genes: perhaps {what}, and no"
            " control row to compare with"
        )
        choices = {DIFFERENCES: CHOICES[DIFFERENCES]}
        raise Question.ask(path, "differences to control", found, "values", choices)
    mean = control.mean(axis=0, dtype=np.float64)
    usual = float(np.median(_rms(values)))
    size = float(_rms(mean[None])[0])
    if scaled and size > NOTHING * usual:
        return MEANS, "each gene was standardised over all rows, and the control row is not 0"
    if size <= NEAR * usual and not levels:
        return DIFFERENCES, "the control rows are near 0"
    centre = values.mean(axis=0, dtype=np.float64)
    if levels and _rms((centre - mean)[None])[0] < NEAR * size:
        return MEANS, "each gene has a level, which the control row shares"
    found = (
        f"control rows that are neither near 0 (root mean square {size:.3g}, that of a usual row"
        f" {usual:.3g}) nor at a level that the genes keep"
    )
    raise Question.ask(path, "differences to control, or means", found, "values", CHOICES)


def _have_levels(values: np.ndarray) -> bool:
    """Whether most genes that vary stay near a value of their own in all perturbations."""
    if len(values) < FEWEST:
        return False
    sd = values.std(axis=0, dtype=np.float64)
    varies = sd > 0
    if not varies.any():
        return False
    mean = np.abs(values.mean(axis=0, dtype=np.float64))
    return bool(np.median(mean[varies] / sd[varies]) > LEVEL)


def standardised(values: np.ndarray) -> bool:
    """Return whether every gene has the standard deviation 1 over the rows."""
    if len(values) < FEWEST or not np.isfinite(values).all():
        return False
    sd = [values.std(axis=0, ddof=ddof, dtype=np.float64) for ddof in (0, 1)]
    return any(bool(np.abs(one - 1).max() < 1e-3) for one in sd)


def _remarks(values: np.ndarray, positive: bool, scaled: bool) -> list[str]:
    mean = np.abs(values.mean(axis=0, dtype=np.float64))
    centred = values.shape[1] > 1 and mean.max() < NOTHING * float(np.median(_rms(values)))
    if positive:
        return ["No value is negative: these responses do not show down-regulation."]
    if scaled or (centred and len(values) >= FEWEST):
        how = "has the standard deviation 1" if scaled else "averages to 0"
        return [
            f"Every gene {how} over the rows, and there is no control row: these may be differences"
            " to the mean perturbation, not to control."
        ]
    return []


def _rms(rows: np.ndarray) -> np.ndarray:
    return np.sqrt(np.mean(np.square(rows, dtype=np.float64), axis=1))
