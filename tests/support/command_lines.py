"""Command lines that work on the fixture `files`, for tests to run or spoil."""

EVALUATE = (
    "evaluate", "--screen", "screen.h5ad", "--embedding", "text=text.parquet",
    "--model", "mean", "--model", "linear", "--train-size", 20, "--out", "out.parquet",
)  # fmt: skip
PREDICT = (
    "predict", "--screen", "screen.h5ad", "--embedding", "text=text.parquet",
    "--model", "linear", "--gene", "KD003", "--out", "out.csv",
)  # fmt: skip
IMPORT = ("import", "--name", "mine", "--screen", "screen.h5ad", "--embedding", "text=text.parquet")


def replaced(arguments, old, new):
    assert old in arguments
    return [new if argument == old else argument for argument in arguments]
