"""Make the folder `home` beside this file, as commit b81d708 kept data: simulated, and small.

Run in a checkout of that commit: PYTHONPATH=. python …/make.py
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

HOME = Path(__file__).resolve().parent / "home"
GENES = [f"FICT{number:04d}" for number in range(30)]


def numbers(seed: int, rows: list[str], columns: int) -> pd.DataFrame:
    values = np.random.default_rng(seed).normal(size=(len(rows), columns)).round(3)
    names = [f"OUT{number:02d}" for number in range(columns)]
    return pd.DataFrame(values, pd.Index(rows, name="gene"), names)


def llmpert(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "llmpert", *words], check=True)


def main() -> None:
    """Import, evaluate and upload by the program's own means."""
    shutil.rmtree(HOME, ignore_errors=True)
    os.environ["LLMPERT_HOME"] = str(HOME)
    folder = Path(tempfile.mkdtemp())
    numbers(0, GENES[:24], 12).to_csv(folder / "LineA_screen.csv")
    numbers(1, GENES[2:26], 12).to_csv(folder / "LineB_screen.csv")
    numbers(2, GENES, 6).to_csv(folder / "text.csv")
    numbers(3, GENES[:28], 5).to_csv(folder / "sequence.csv")
    (folder / "modules.gmt").write_text(f"one\t\t{GENES[3]}\t{GENES[4]}\ntwo\t\t{GENES[5]}\n")
    table = pd.DataFrame({"perturbation": GENES[2:24], "method": "Scouter"})
    table.assign(metric="pearson_top20", value=0.5).to_csv(folder / "published.csv", index=False)
    screens = [str(folder / f"{line}_screen.csv") for line in ("LineA", "LineB")]
    llmpert("import", "--name", "mine", "--screen", screens[0], "--screen", screens[1],
            "--embedding", f"text={folder / 'text.csv'}")  # fmt: skip
    llmpert("import", "--name", "mine", "--embedding", f"sequence={folder / 'sequence.csv'}",
            "--gene-sets", str(folder / "modules.gmt"))  # fmt: skip

    from llmpert.evaluation.external import ExternalPredictions

    from llmpert import datasets, visitors

    screen = datasets.load("mine").screens["LineA"]
    names = screen.perturbations
    fold = np.arange(len(names)) % 2
    ExternalPredictions(
        method="GEARS", line="LineA", unit=screen.unit, perturbations=names, genes=screen.genes,
        delta=(screen.response / 2).round(2), fold=fold.astype(str),
        trained_on={str(f): names[fold != f] for f in (0, 1)}, about={"command": "made for a test"},
    ).save(folder / "gears.h5ad")  # fmt: skip
    llmpert("import", "--name", "mine", "--predictions", f"LineA={folder / 'gears.h5ad'}",
            "--predictions", f"LineA={folder / 'published.csv'}")  # fmt: skip
    llmpert("evaluate", "--data", "mine", "--model", "mean", "--out", str(folder / "out.parquet"))
    data = datasets.load("mine")
    upload = visitors.add("LineA", [screen], [data.embeddings["text"]], [data.gene_sets])
    print(upload)


if __name__ == "__main__":
    main()
