"""Train GEARS on one fold and predict: the only module that imports `gears`.

Run as a process of its own (`python -m llmpert.methods.gears.worker FOLDER`), since importing the
package takes 20 s, silences all warnings and seeds random numbers. Reads `job.json` and
`cells.h5ad` in the folder (see `llmpert.methods.gears.run`), writes `prediction.npz`. Only
training cells are in the folder: nothing in it knows a test perturbation's response.
"""

import json
import random
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pandas.io.pickle import to_pickle  # type: ignore[attr-defined]

PACKAGES = ("cell-gears", "torch", "torch-geometric", "scanpy", "anndata", "scipy", "numpy")


def main(folder: Path) -> None:
    """Train and predict according to `job.json` in the folder."""
    started = time.perf_counter()
    job = json.loads((folder / "job.json").read_text("utf-8"))
    data = _prepared(folder, job)
    import torch
    from gears import GEARS
    from gears.utils import GeneSimNetwork

    # Importing the package seeds torch too: this must come after.
    random.seed(job["seed"])
    np.random.seed(job["seed"])
    torch.manual_seed(job["seed"])
    if job["threads"]:
        torch.set_num_threads(job["threads"])
    device = "cuda" if torch.cuda.is_available() else "cpu"
    # GEARS 0.1.2 picks rows of a sparse matrix by a Series, of which SciPy 1.15 and newer ask this.
    pd.Series.nonzero = lambda self: self.to_numpy().nonzero()  # type: ignore[attr-defined]
    model = GEARS(data, device=device)
    edges = pd.DataFrame(job["graph"], columns=["source", "target", "importance"])
    network = GeneSimNetwork(edges, model.pert_list, node_map=model.node_map_pert)
    model.model_initialize(
        hidden_size=job["hidden_size"], G_go=network.edge_index, G_go_weight=network.edge_weight
    )
    model.train(epochs=job["epochs"])
    delta = _predicted(model, job["predict"]) / np.float32(job["scale"])
    about = {
        "device": device,
        "seconds": round(time.perf_counter() - started, 1),
        "versions": {name: version(name) for name in PACKAGES},
    }
    np.savez(
        folder / "prediction.npz",
        genes=np.array(model.gene_list, dtype=str),
        delta=delta,
        about=np.array(json.dumps(about)),
    )


def _prepared(folder: Path, job: dict[str, Any]) -> Any:
    """Return the fold's cells as GEARS wants them, with a training and a validation part."""
    import anndata
    from gears import PertData

    # Written here and read back by GEARS at once. What the terms are does not matter: the graph
    # that they make is given to the model, and these only name the genes that it may perturb.
    to_pickle({gene: {"known"} for gene in job["vocabulary"]}, folder / "gene2go_all.pkl")
    to_pickle(job["vocabulary"], folder / "vocabulary.pkl")
    train, val = ([f"{gene}+ctrl" for gene in job[part]] for part in ("train", "validation"))
    split = {"train": [*train, "ctrl"], "val": val, "test": []}
    to_pickle(split, folder / "split.pkl")
    np.random.seed(job["seed"])  # every cell is paired with a random control cell
    data = PertData(
        str(folder), gene_set_path=str(folder / "vocabulary.pkl"), default_pert_graph=False
    )
    cells = anndata.read_h5ad(folder / "cells.h5ad")
    cells.X *= np.float32(job["scale"])
    data.new_data_process("cells", cells)
    data.prepare_split("custom", seed=job["seed"], split_dict_path=str(folder / "split.pkl"))
    data.get_dataloader(job["batch_size"])
    del data.dataloader["test_loader"]  # there is nothing in it: test cells are not here
    return data


def _predicted(model: Any, genes: list[str]) -> np.ndarray:
    """Predicted Δ, float32, perturbations x genes.

    GEARS adds to each control cell an offset that does not depend on the cell, and `GEARS.predict`
    averages this over 300 random controls. The offset itself, from cells of zeros, is what is
    wanted, without the sampling noise of their mean.
    """
    import torch
    from gears.utils import create_cell_graph_for_prediction
    from torch_geometric.loader import DataLoader

    network = model.best_model.eval()
    nothing = np.zeros((1, model.num_genes), dtype=np.float32)
    cells = [
        create_cell_graph_for_prediction(nothing, [model.node_map_pert[gene]], [gene])
        for gene in genes
    ]
    with torch.no_grad():
        parts = [network(batch.to(model.device)) for batch in DataLoader(cells, 64)]
    return torch.cat(parts).cpu().numpy().astype(np.float32)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
