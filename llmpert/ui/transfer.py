"""Does it hold elsewhere: a trained model of any data set judged on a line's screen."""

import streamlit as st

from llmpert.datasets import Dataset, DatasetStore
from llmpert.errors import InputError
from llmpert.evaluation.scores import registry
from llmpert.evaluation.transfer import KNOWING, METHODS, Judged, judge
from llmpert.figures import lines as figures
from llmpert.models.registry import GAUSSIAN_PROCESS, label
from llmpert.ui.common import cache, script
from llmpert.ui.common import components as show
from llmpert.ui.common.selection import WIDE, Selection, called, choose, opened_uploads

LABELS = {name: label(name) for name in METHODS} | {
    GAUSSIAN_PROCESS: "The model", KNOWING: "The model, knowing the target",
    "copy": "Copy of the target's own response", "mean": "Mean response",
}  # fmt: skip


def show_transfer(selection: Selection) -> None:
    """Show how well a trained model predicts the measured screen of a line, beside baselines."""
    if selection.trained:
        show.info("A trained model is judged on a measured screen. Open a data set with screens.")
        return
    models = _trained_models(selection.line)
    if not models:
        show.info("No data set has a trained model. The command `train` makes one.")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        words = choose("Trained model", "judged", list(models), width=WIDE)
        data, line = models[words]
        try:
            found = _judged(selection, data, line)
        except InputError as error:
            show.info(show.verbatim(str(error)))
            return
        summary = found.summary()
        names = [name for name in registry() if name in set(summary["metric"])]
        metrics = {name: registry()[name] for name in names}
        name = choose(
            "Score", "judged_by", names, width=WIDE, shown=lambda one: metrics[one].label,
            first="pearson_all" if "pearson_all" in metrics else None,
        )  # fmt: skip
    st.caption(metrics[name].definition)
    shown = summary[summary["metric"] == name].replace({"model": LABELS})
    where = f"{line}'s model ({called(data.name)}) on {selection.line}"
    show.figure(
        figures.judged(shown, metrics[name].axis, where),
        name=f"lines-judged-{line}-{selection.line}-{name}",
        alt=f"{metrics[name].label} of {where} and of its baselines.",
        numbers=summary,
        note=f"{found.scored:,} of {found.common:,} common genes."
        + " Units differ: only scores that do not depend on the unit are given."
        * (not found.same_unit),
        data=selection.data,
        details="Dots are means over knockdowns, bars twice their standard error. "
        + " ".join(f"{LABELS[method]}: {words}." for method, words in METHODS.items()),
        code=script.of_judged(selection, data, line),
    )


def _trained_models(line: str) -> dict[str, tuple[Dataset, str]]:
    """Return the trained models that this visitor can use by words, those of other lines first."""
    names = [*DatasetStore().names(), *opened_uploads()]
    held = {name: cache.holdings(name) for name in names}
    with_models = [name for name, has in held.items() if has.trained and not has.problems]
    found = [(data, of) for data in map(cache.load, with_models) for of in data.trained]
    found.sort(key=lambda one: one[1] == line)
    return {f"{of}, {called(data.name)}": (data, of) for data, of in found}


@cache.cached(4, "Judging the model …")
def _judged(selection: Selection, data: Dataset, line: str) -> Judged:
    measured = selection.data.screens[selection.line]
    return judge(data.trained[line], measured, table=selection.data.gene_table)
