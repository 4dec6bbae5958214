"""Lines of Python that reproduce the numbers of a figure.

All begin with the data set. One that was uploaded is read of the visitor's own files, by the names
that they had: its own name is a secret. Where these files are not all that it was made of, and
where numbers were made elsewhere, there are no lines: "".
"""

from collections.abc import Iterable, Mapping, Sequence

from llmpert.datasets import Dataset, is_upload
from llmpert.embeddings import BUILT_IN, built_in
from llmpert.insight.head_to_head import Method
from llmpert.models.registry import MODELS
from llmpert.ui.common import cache
from llmpert.ui.common.selection import Selection

EXPERIMENT = "from llmpert.evaluation.experiment import Experiment"


def of_response(
    selection: Selection,
    gene: str,
    measured: bool,
    relative: bool = False,
    beyond: float = 0.0,
    raised_only: bool = False,
) -> str:
    """Return lines for the response to knocking down a gene: `table`.

    Args:
        relative: Whether it is relative to the mean response of all knockdowns trained on.
        beyond, raised_only: Of `Prediction.table`.
    """
    lines = [f"prediction = {_prediction(selection, gene)}"]
    if relative:
        lines += [
            *_fitted(selection, gene),
            "prediction = prediction.relative_to(fitted.model.mean_)",
        ]
    only = ", raised_only=True" * raised_only
    lines.append(f"table = prediction.table(beyond={beyond:g}{only})")
    if measured:
        less = " - fitted.model.mean_" * relative
        lines.append(f'table["measured"] = {_measured(selection, gene, "prediction")}{less}')
    return _script(selection.data, [selection.model], [EXPERIMENT], lines)


def of_attribution(selection: Selection, gene: str) -> str:
    """Return lines for what the prediction of a gene rests on: `table`."""
    lines = [*_fitted(selection, gene), f"table = attribute(fitted, {gene!r}).table()"]
    needed = [EXPERIMENT, "from llmpert.insight.attribution import attribute"]
    return _script(selection.data, [selection.model], needed, lines)


def of_leave_out(
    selection: Selection, gene: str, family: Sequence[str], relative: bool = False
) -> str:
    """Return lines for the prediction of a gene without some training knockdowns: `table`."""
    lines = [*_fitted(selection, gene), f"found = leave_out(fitted, {gene!r}, {[*family]!r})"]
    lines += ["found = found.relative_to(fitted.model.mean_)"] * relative
    lines.append("table = found.table()")
    needed = [EXPERIMENT, "from llmpert.insight.leave_out import leave_out"]
    return _script(selection.data, [selection.model], needed, lines)


def of_effects(selection: Selection, gene: str, unseen: bool, relative: bool = False) -> str:
    """Return lines for what every knockdown does to a measured gene: `table`.

    Args:
        unseen: Whether genes that were not knocked down are among them.
        relative: Whether effects are relative to the mean effect.
    """
    name, size = selection.model, selection.size
    if selection.trained:
        lines = [
            f"model = data.trained[{selection.line!r}]",
            "held_out = [model.predict(list(model.fitted.trained_on))]",
        ]
        fitted, known = "model.fitted", "model.fitted.known"
        screen = "model.responses()"
    else:
        lines = [
            f"experiment = {_experiment(selection.line, selection.embedding)}",
            "folds = range(experiment.settings.folds)",
            f"held_out = [experiment.fold_prediction({name!r}, {size}, fold) for fold in folds]",
        ]
        fitted, known = f"experiment.fit_all({name!r})", "experiment.problem"
        screen = "experiment.problem.screen"
    others = f"{fitted}.predict_one({gene!r}, {known}.unseen())" if unseen else None
    options = ", measured=False" * (selection.trained is not None) + ", relative=True" * relative
    lines += [
        f"unseen = {others}",
        f"table = effects_on({gene!r}, {screen}, held_out, unseen{options})",
    ]
    needed = [EXPERIMENT, "from llmpert.insight.effects import effects_on"]
    return _script(selection.data, [name], needed, lines)


def of_comparison(
    subjects: Sequence[tuple[Selection, str]], measured: Sequence[bool], relative: bool = False
) -> str:
    """Return lines for two predictions side by side: `table`.

    Args:
        measured: Whether each side has a measurement.
        relative: Whether responses are relative to the mean response.
    """
    lines = []
    for name, (of, gene), known in zip("ab", subjects, measured, strict=True):
        response = _measured(of, gene, name) if known else None
        lines += [
            f"{name} = {_prediction(of, gene)}",
            f'side_{name} = Side("{name.upper()}", {name}, {response}, {of.unit!r})',
        ]
        if relative:
            lines.append(f"side_{name} = side_{name}.relative_to_mean({_screen(of)})")
    lines.append("table = compare(side_a, side_b)")
    needed = [EXPERIMENT, "from llmpert.insight.compare import Side, compare"]
    return _script(subjects[0][0].data, [of.model for of, _ in subjects], needed, lines)


def of_map(selection: Selection, of: str, method: str, gene: str, similar: bool) -> str:
    """Return lines for a map of knockdowns: `table`.

    Args:
        of: What they are placed by (`cache.places`).
        similar: Whether their similarity to the gene is known.
    """
    data, line = selection.data, selection.line
    embedded = of in data.embeddings
    if selection.trained:
        lines = [
            f"model = data.trained[{line!r}]",
            "known, names = model.fitted.known, model.fitted.trained_on",
        ]
        vectors = f"known.find_all(names)[{of!r}]" if embedded else "model.responses().response"
    else:
        lines = [
            f"known = data.problem({line!r}, {data.embedding_choices[-1]!r})",
            "names = known.screen.perturbations",
        ]
        vectors = f"known.vectors[{of!r}]" if embedded else "known.screen.response"
    lines += [f"vectors = {vectors}", f"table = METHODS[{method!r}](vectors).table(names)"]
    measure = "cosine" if embedded else "correlation"
    if similar:
        own = f"vectors[[list(names).index({gene!r})]]"
        row = f"known.find({gene!r})[{of!r}]" if embedded else own
        lines.append(f"table[{f'similarity to {gene}'!r}] = {measure}({row}, vectors)[0]")
    needed = ["from llmpert.insight.maps import METHODS"]
    needed += [f"from llmpert.insight.similarity import {measure}"] * similar
    return _script(data, [], needed, lines)


def of_neighbours(selection: Selection, gene: str, count: int, kernel: str = "") -> str:
    """Return lines for how a gene's nearest knockdowns respond, beside it: `table`.

    Args:
        count: How many of them, by each measure.
        kernel: What the similarity that the fitted model expects is called; "" without it.
    """
    lines = [
        f"problem = data.problem({selection.line!r}, {selection.data.embedding_choices[-1]!r})",
        "names, responses = problem.screen.perturbations, problem.screen.response",
        f"own = problem.find({gene!r})",
        "near = {name: cosine(own[name], x)[0] for name, x in problem.vectors.items()}",
    ]
    if kernel:
        fitted = f"{_experiment(selection.line, selection.embedding)}.fit_all({selection.model!r})"
        similarity = f"fitted.model.similarity(fitted.inputs([{gene!r}]))[0]"
        lines += [f"fitted = {fitted}", f"near[{kernel!r}] = {similarity}"]
    lines += [
        f"other = names != {gene!r}",
        "agreement = correlation(responses[~other], responses)[0][other]",
        "pairs = all_pairs(responses, problem.vectors)",
        f"find = partial(neighbours, agreement=agreement, pairs=pairs, count={count})",
        "parts = [find(names[other], x[other]).assign(measure=name) for name, x in near.items()]",
        "table = pd.concat(parts)",
    ]
    needed = [
        EXPERIMENT,
        "import pandas as pd",
        "from functools import partial",
        "from llmpert.insight.similarity import all_pairs, correlation, cosine, neighbours",
    ]
    return _script(selection.data, [], needed, lines)


def of_description(selection: Selection, text: str) -> str:
    """Return lines for the response to knocking down a gene described in words: `table`."""
    lines = [
        f"found = describe({text!r})",
        f"fitted = {_full_model(selection)}",
        'name = np.array(["Described gene"], dtype=object)',
        "table = fitted.predict_vectors({EMBEDDING: found.vector}, name).table()",
    ]
    needed = [
        EXPERIMENT,
        "import numpy as np",
        "from llmpert.insight.descriptions import EMBEDDING, describe",
    ]
    return _script(selection.data, [selection.model], needed, lines)


def of_closeness(selection: Selection) -> str:
    """Return lines for whether knockdowns that embeddings put together respond alike: `table`."""
    data = selection.data
    lines = [
        f"problem = data.problem({selection.line!r}, {data.embedding_choices[-1]!r})",
        "pairs = all_pairs(problem.screen.response, problem.vectors)",
        "found = {name: closeness(x, pairs.response) for name, x in pairs.sources.items()}",
        "parts = [t.assign(embedding=name, spearman=rho) for name, (t, rho) in found.items()]",
        "table = pd.concat(parts)",
    ]
    needed = ["import pandas as pd", "from llmpert.insight.similarity import all_pairs, closeness"]
    return _script(data, [], needed, lines)


def of_head_to_head(
    selection: Selection, methods: Sequence[tuple[Method, str]], metric: str, percent: int
) -> str:
    """Return lines for two methods on every perturbation: `table`.

    Args:
        methods: Both, each with the embedding of the experiment that it is scored in.
    """
    line = selection.line
    lines = ["fits = []"]
    lines += [
        f"fits += grid([{_experiment(line, source)}], [{one.model!r}], [{selection.size}])"
        for one, source in methods
    ]
    ours, rival = (f"Method({one.model!r}, {one.embedding!r})" for one, _ in methods)
    lines += [
        f"effect = effect_size(data.screens[{line!r}])",
        f"metric = registry()[{metric!r}]",
        f"table = pairs(run(fits).table, {ours}, {rival}, metric, effect)",
        f"table = largest_effects(table, {percent / 100})",
    ]
    needed = [
        EXPERIMENT,
        "from llmpert.evaluation.grid import grid, run",
        "from llmpert.evaluation.scores import registry",
        "from llmpert.insight.head_to_head import Method, effect_size, largest_effects, pairs",
    ]
    return _script(selection.data, [one.model for one, _ in methods], needed, lines)


def of_intervals(selection: Selection, made: str) -> str:
    """Return lines for how held-out predictions turned out: `table`, by a call on `outcomes`."""
    line, model, size = selection.line, selection.model, selection.size
    function = made.partition("(")[0]
    needed = [f"from llmpert.insight.intervals import {function}"]
    if function == "risk_coverage":
        needed = ["from llmpert.insight.intervals import certainty, risk_coverage"]
    if selection.trained:
        if selection.trained.outcomes is None:
            return ""
        lines = [f"outcomes = data.trained[{line!r}].outcomes", f"table = {made}"]
        return _script(selection.data, [model], needed, lines)
    lines = [
        f"experiment = {_experiment(line, selection.embedding)}",
        f"folds = [kept(experiment, {model!r}, {size}, fold) for fold in range(5)]",
        "outcomes = pd.concat(folds, ignore_index=True)",
        f"table = {made}",
    ]
    needed += ["import pandas as pd", "from llmpert.evaluation.calibration import kept"]
    return _script(selection.data, [model], [EXPERIMENT, *needed], lines)


def of_plan(
    selection: Selection, budget: int, names: str, targets: Mapping[str, float], by_effect: bool
) -> str:
    """Return lines for the next knockdowns: `table`.

    Args:
        names: Python that makes the candidates; "" for all genes.
        targets: What counts, by name; all genes where there is none.
    """
    lines = [
        f"fitted = {_full_model(selection)}",
        "ground = Ground.of(fitted, fitted.known.unseen())",
    ]
    options = ""
    if names:
        lines.append(f"rows, _ = ground.candidates({names})")
        options += ", rows"
    if targets:
        options += f", targets=ground.targets({dict(targets)!r})"
    if by_effect:
        options += ", effects=expected_effects(fitted, ground)"
    lines.append(f"table = plan(ground, {budget}{options}).table")
    used = "Ground, expected_effects, plan" if by_effect else "Ground, plan"
    needed = [EXPERIMENT, f"from llmpert.insight.design import {used}"]
    if "essential_genes()" in names:
        needed.append("from llmpert.genes.essential import essential_genes")
    return _script(selection.data, [selection.model], needed, lines)


def of_cells(selection: Selection) -> str:
    """Return lines for what to expect by the cells of each knockdown: `table`."""
    trained = f"data.trained[{selection.line!r}]"
    lines = [
        f"fitted = {_full_model(selection)}",
        f"table = by_cells(fitted, {trained if selection.trained else _screen(selection)}.cells)",
    ]
    needed = [EXPERIMENT, "from llmpert.insight.depth import by_cells"]
    return _script(selection.data, [selection.model], needed, lines)


def of_campaign(selection: Selection, sizes: Sequence[int]) -> str:
    """Return lines for simulated campaigns on the screen: `table`."""
    lines = [
        f"experiment = {_experiment(selection.line, selection.embedding)}",
        f"table = summary(campaign(experiment, sizes={[*sizes]}))",
    ]
    needed = [EXPERIMENT, "from llmpert.insight.campaign import campaign, summary"]
    return _script(selection.data, [selection.model], needed, lines)


def of_search(selection: Selection, signature: str, kind: str) -> str:
    """Return lines for the knockdowns whose responses are like a state: `table`.

    Args:
        signature: Python that makes it.
        kind: Which candidates of a `Library`: "known" or "unseen".
    """
    if selection.trained:
        lines = [
            f"model = data.trained[{selection.line!r}]",
            "fitted = model.fitted",
            "library = Library.of(fitted, fitted.known.unseen(), None, model.raised_only)",
        ]
    else:
        lines = [
            f"experiment = {_experiment(selection.line, selection.embedding)}",
            f"fitted, known = experiment.fit_all({selection.model!r}), experiment.problem",
            "library = Library.of(fitted, known.unseen(), known.screen, known.screen.raised_only)",
        ]
    lines.append(f"table = search(library.{kind}, {signature})")
    needed = ["from llmpert.insight.search import Library, search"]
    if "Signature" in signature:
        needed.append("from llmpert.insight.signature import Signature")
    if "cluster_against_rest" in signature:
        needed.append("from llmpert.screens.cells.cluster import cluster_against_rest")
    return _script(selection.data, [selection.model], [EXPERIMENT, *needed], lines)


def of_between(selection: Selection, gene: str, other: str, count: int) -> str:
    """Return lines for predictions between two genes: `table`."""
    lines = [
        f"fitted = {_full_model(selection)}",
        f"table = between(fitted, {gene!r}, {other!r}).table({count})",
    ]
    needed = [EXPERIMENT, "from llmpert.insight.between import between"]
    return _script(selection.data, [selection.model], needed, lines)


def of_gene_list(selection: Selection, genes: Sequence[str], made: str) -> str:
    """Return lines for the responses to knocking down the genes of a list: `table`.

    Args:
        made: Python that makes the table of `prediction` and `found`, a `GeneList`.
    """
    line, model, size = selection.line, selection.model, selection.size
    if selection.trained:
        lines = [
            f"model = data.trained[{line!r}]",
            f"prediction = model.predict({[*genes]!r})",
            "found = GeneList.of(prediction, model.responses())",
        ]
        needed = ["from llmpert.insight.gene_list import GeneList"]
    else:
        lines = [
            f"experiment = {_experiment(line, selection.embedding)}",
            "folds = range(experiment.settings.folds)",
            f"held_out = [experiment.fold_prediction({model!r}, {size}, fold) for fold in folds]",
            f"full, known = experiment.fit_all({model!r}), experiment.problem",
            f"prediction = predictions({[*genes]!r}, known, held_out, full)",
            "found = GeneList.of(prediction, known.screen)",
        ]
        needed = ["from llmpert.insight.gene_list import GeneList, predictions"]
    lines.append(f"table = {made}")
    return _script(selection.data, [model], [EXPERIMENT, *needed], lines)


def of_disagreements(selection: Selection, rival: Selection) -> str:
    """Return lines for how far knockdowns are apart in two lines: `table`."""
    made = []
    for name, of in (("one", selection), ("other", rival)):
        fitted = f"data.trained[{of.line!r}].fitted"
        if not of.trained:
            fitted = f"{_experiment(of.line, of.embedding)}.fit_all({of.model!r})"
        made.append(f"{name}, noise = with_noise({_screen(of)}, lambda: {fitted})")
    made.append("table = disagreements(*common(one, other, data.gene_table))")
    needed = [
        EXPERIMENT,
        "from llmpert.insight.lines import common, disagreements, with_noise",
    ]
    return _script(selection.data, [], needed, made)


def of_judged(selection: Selection, trained: Dataset, line: str) -> str:
    """Return lines for the scores of another data set's trained model on a screen: `table`."""
    if is_upload(trained.name):
        return ""
    made = [
        f"model = DatasetStore().load({trained.name!r}).trained[{line!r}]",
        f"screen = data.screens[{selection.line!r}]",
        "table = judge(model, screen, table=data.gene_table).summary()",
    ]
    needed = [
        "from llmpert.datasets import DatasetStore",
        "from llmpert.evaluation.transfer import judge",
    ]
    return _script(selection.data, [], needed, made)


def of_board(selection: Selection, embedding: str, others: Sequence[str] = ()) -> str:
    """Return lines for the place of every model by every score: `table`.

    Args:
        others: Embeddings that carried results have besides.
    """
    line, size = selection.line, selection.size
    if selection.data.results:
        made = [f"summary = data.results.select([{line!r}], data.results.models, [{size}])"]
    else:
        made = [
            f"fits = grid([{_experiment(line, embedding)}], list(MODELS), [{size}])",
            "summary = summarise(run(fits).table)",
        ]
    made += [
        f"summary = on_embeddings(summary, {[embedding, *others]!r})",
        f"table = board(summary, {line!r}, {size}, list(registry().values()))",
    ]
    needed = [
        "from llmpert.evaluation.results import on_embeddings, summarise",
        "from llmpert.evaluation.scores import registry",
        "from llmpert.insight.scoreboard import board",
    ]
    if not selection.data.results:
        needed += [
            EXPERIMENT, "from llmpert.evaluation.grid import grid, run",
            "from llmpert.models.registry import MODELS",
        ]  # fmt: skip
    return _script(selection.data, [], needed, made)


def of_summary(
    data: Dataset,
    lines: Sequence[str],
    models: Sequence[str],
    size: int | None,
    embeddings: Sequence[str],
) -> str:
    """Return lines for scores on held-out perturbations, by model and embedding: `table`.

    Args:
        size: The training size; None for all of the pages'.
    """
    ours = [model for model in models if model in MODELS]
    if not ours:
        return ""
    results = "from llmpert.evaluation.results import"
    if data.results:
        sizes = cache.training_sizes(data) if size is None else [size]
        read = f"table = data.results.select({list(lines)}, {ours}, {sizes})"
        cut = f"table = on_embeddings(table, {list(embeddings)})"
        return _script(data, [], [f"{results} on_embeddings"], [read, cut])
    made = [
        "experiments = [",
        f"    Experiment(data.problem(line, embedding)) for line in {list(lines)}",
        f"    for embedding in {list(embeddings)}",
        "]",
        f"models = {ours}",
        "fits = []",
        f"for size, repeats in {cache.training_sets(data, lines, size)}:",
        "    fits += grid(experiments, models, [size], repeats)",
        "table = summarise(run(fits, metrics=paper()).table)",
    ]
    needed = [
        "from llmpert.evaluation.grid import grid, run",
        "from llmpert.evaluation.scores import paper",
        f"{results} summarise",
    ]
    return _script(data, [], [EXPERIMENT, *needed], made)


def _script(
    data: Dataset, models: Iterable[str], imports: Sequence[str], lines: Sequence[str]
) -> str:
    loading = _loading(data)
    if loading is None or not all(model in MODELS for model in models):
        return ""
    used = "\n".join(lines)
    needed = [one for one in imports if one != EXPERIMENT or "Experiment(" in used]
    return "\n".join([*sorted({*loading[:-1], *needed}), "", loading[-1], *lines])


def _loading(data: Dataset) -> list[str] | None:
    """Return imports, and lastly the line that makes the data set; None where none does."""
    if not is_upload(data.name):
        load = f"data = DatasetStore().load({data.name!r})"
        return ["from llmpert.datasets import DatasetStore", load]
    imports = ["import llmpert as lp", "from llmpert.datasets import Dataset, Parts"]
    screens, embeddings = [], []
    for screen in data.screens.values():
        file = screen.provenance.get("file")
        if file is None:
            return None
        named = f"line={screen.line!r}, unit={screen.unit!r}"
        if screen.bounds:
            ends = ", ".join(f'float("{end}")' for end in screen.bounds)
            named += f", bounds=({ends})"
        screens.append(f"lp.read_screen({file!r}, {named})")
    for one in data.embeddings.values():
        file = one.provenance.get("file")
        if one.name in BUILT_IN and one.fingerprint == built_in(one.name).fingerprint:
            embeddings.append(f"built_in({one.name!r})")
            imports.append("from llmpert.embeddings import built_in")
        elif file is None or "orthologs" in one.provenance:
            return None
        else:
            embeddings.append(f"lp.read_embedding({file!r}, {one.name!r})")
    parts = f"    [{', '.join(screens)}],\n    [{', '.join(embeddings)}],\n"
    return [
        *dict.fromkeys(imports),
        f"parts = Parts(\n{parts})\ndata = Dataset.of_parts('', parts)",
    ]


def _experiment(line: str, embedding: str) -> str:
    return f"Experiment(data.problem({line!r}, {embedding!r}))"


def _screen(selection: Selection) -> str:
    """Return the responses that a selection has."""
    if selection.trained:
        return f"data.trained[{selection.line!r}].responses()"
    return f"data.problem({selection.line!r}, {selection.embedding!r}).screen"


def _prediction(selection: Selection, gene: str) -> str:
    line = selection.line
    if selection.trained:
        return f"data.trained[{line!r}].predict([{gene!r}])"
    made = _experiment(line, selection.embedding)
    return f"{made}.predict_gene({selection.model!r}, {selection.size}, {gene!r})"


def _full_model(selection: Selection) -> str:
    """Return the model that is trained on all perturbations."""
    if selection.trained:
        return f"data.trained[{selection.line!r}].fitted"
    return f"{_experiment(selection.line, selection.embedding)}.fit_all({selection.model!r})"


def _fitted(selection: Selection, gene: str) -> list[str]:
    """Return lines for the model that predicts a gene: `fitted`."""
    if selection.trained:
        return [f"fitted = data.trained[{selection.line!r}].behind({gene!r})"]
    fit = f"fit_all({selection.model!r})"
    if selection.fold_of(gene) is not None:
        fold = f"experiment.fold_of({gene!r})"
        fit = f"fit_fold({selection.model!r}, {selection.size}, {fold})"
    made = _experiment(selection.line, selection.embedding)
    return [f"experiment = {made}", f"fitted = experiment.{fit}"]


def _measured(selection: Selection, gene: str, prediction: str) -> str:
    of = f"data.screens[{selection.line!r}]"
    return f"{of}.select([{gene!r}], list({prediction}.genes)).response[0]"
