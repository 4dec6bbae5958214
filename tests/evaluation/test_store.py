import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data.build_shipped_results import write_pack
from llmpert.errors import InputError
from llmpert.evaluation.prediction import Prediction
from llmpert.evaluation.store import ResultsStore
from llmpert.io.paths import home

KEY = "0123456789abcdef"


def scores(value: float = 0.5) -> pd.DataFrame:
    return pd.DataFrame({"perturbation": ["A", "B"], "pearson_all": [value, np.nan]})


def prediction(value: float = 0.5, std: bool = True) -> Prediction:
    mean = np.full((2, 3), value, dtype=np.float32)
    names = np.array(["A", "Ä-β"], dtype=object), np.array(["X", "Y", "Z"], dtype=object)
    return Prediction(*names, mean, mean + 1 if std else None)


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_scores_come_back_as_they_were(tmp_path):
    store = ResultsStore(tmp_path / "new")
    assert store.scores(KEY) is None
    assert not store.has_scores(KEY)
    store.put_scores(KEY, scores())
    assert store.has_scores(KEY)
    pd.testing.assert_frame_equal(store.scores(KEY), scores())
    # Another process sees them too.
    pd.testing.assert_frame_equal(ResultsStore(tmp_path / "new").scores(KEY), scores())
    assert len(files(tmp_path)) == 1


@pytest.mark.parametrize("std", [True, False])
def test_predictions_come_back_as_they_were(tmp_path, std):
    store = ResultsStore(tmp_path)
    assert store.prediction(KEY) is None
    kept = prediction(std=std)
    store.put_prediction(KEY, kept)
    again = store.prediction(KEY)
    for name in ("perturbations", "genes", "mean", "std"):
        np.testing.assert_array_equal(getattr(again, name), getattr(kept, name))
    assert (again.std is None) == (not std)
    assert again.mean.dtype == np.float32
    assert again.row("Ä-β").mean.shape == (1, 3)
    # Scores and predictions of one fit do not get in each other's way.
    assert store.scores(KEY) is None


def test_results_are_kept_in_the_data_folder(tmp_path):
    ResultsStore().put_scores(KEY, scores())
    assert [path.suffix for path in files(home() / "results")] == [".parquet"]


def put(store: ResultsStore, kind: str, value: float = 0.5) -> Path:
    if kind == "scores":
        store.put_scores(KEY, scores(value))
    else:
        store.put_prediction(KEY, prediction(value))
    return files(store.folder)[0]


def value(store: ResultsStore, kind: str) -> float | None:
    """The number kept, None where nothing readable is."""
    if kind == "scores":
        kept = store.scores(KEY)
        return None if kept is None else kept["pearson_all"][0]
    found = store.prediction(KEY)
    return None if found is None else float(found.mean[0, 0])


kinds = pytest.mark.parametrize("kind", ["scores", "prediction"])


@kinds
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 0.999), garbage=st.one_of(st.none(), st.binary(max_size=200)))
def test_a_damaged_file_counts_as_missing_and_is_replaced(tmp_path, kind, share, garbage):
    store = ResultsStore(tmp_path)
    path = put(store, kind)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))] if garbage is None else garbage)
    assert value(store, kind) is None
    assert not store.has_scores(KEY)
    put(store, kind, 0.75)
    assert value(store, kind) == 0.75


def test_a_number_changed_in_a_prediction_is_not_shown(tmp_path):
    store = ResultsStore(tmp_path)
    path = put(store, "prediction")
    with np.load(path) as stored:
        arrays = dict(stored)
    np.savez(path, **arrays)
    assert value(store, "prediction") == 0.5
    arrays["mean"][1, 2] = 0.75
    np.savez(path, **arrays)
    assert store.prediction(KEY) is None
    # Without a digest nothing tells whether the numbers are those that were written.
    arrays.pop("digest")
    np.savez(path, **arrays)
    assert store.prediction(KEY) is None


@kinds
def test_damage_is_logged_and_a_missing_file_is_not(tmp_path, kind, caplog):
    store = ResultsStore(tmp_path)
    assert value(store, kind) is None
    assert not caplog.records
    path = put(store, kind)
    path.write_bytes(path.read_bytes()[:-9])
    assert value(store, kind) is None
    (record,) = caplog.records
    assert (record.levelname, record.file) == ("WARNING", str(path))


@kinds
def test_a_fault_of_our_own_is_not_taken_for_damage(tmp_path, kind, monkeypatch):
    store = ResultsStore(tmp_path)
    put(store, kind)
    monkeypatch.setattr("llmpert.io.hashing.hashlib", None)
    with pytest.raises(AttributeError):
        value(store, kind)


def test_a_sweep_removes_what_was_used_longest_ago(tmp_path):
    store = ResultsStore(tmp_path)
    keys = [f"{number:016d}" for number in range(5)]
    for number, key in enumerate(keys):
        store.put_scores(key, scores())
        used = time.time() - 86_400 * (10 - number)
        os.utime(store._path(key, ".parquet"), (used, used))
    size = store._path(keys[0], ".parquet").stat().st_size
    store.sweep()
    assert all(store.has_scores(key) for key in keys[:1])  # the first is now the one used last
    store.sweep(3 * size)
    assert [store.has_scores(key) for key in keys] == [True, False, False, True, True]


def test_a_sweep_removes_what_killed_processes_left_behind(tmp_path):
    store = ResultsStore(tmp_path)
    folder = put(store, "scores").parent
    old, new = folder / f".{KEY}.lock", folder / ".a.0123.partial.npz"
    for file in (old, new):
        file.touch()
    os.utime(old, (0, 0))
    store.sweep()
    assert not old.exists()
    assert new.exists()
    assert store.has_scores(KEY)
    ResultsStore(tmp_path / "missing").sweep()


@kinds
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_damage_raises(tmp_path, kind, data):
    store = ResultsStore(tmp_path)
    path = put(store, kind)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    value(store, kind)


@pytest.mark.parametrize("other", ["array", "pickle"])
def test_other_files_of_numpy_count_as_missing(tmp_path, other):
    store = ResultsStore(tmp_path)
    path = put(store, "prediction")
    with path.open("wb") as file:
        np.save(file, np.zeros(3) if other == "array" else np.array([{}]), allow_pickle=True)
    assert store.prediction(KEY) is None


def test_a_table_without_the_columns_counts_as_missing(tmp_path):
    store = ResultsStore(tmp_path)
    pd.DataFrame({"other": [1]}).to_parquet(put(store, "scores"))
    assert store.scores(KEY) is None


def test_a_folder_that_cannot_be_changed_can_still_be_read(tmp_path):
    store = ResultsStore(tmp_path)
    path = put(store, "scores")
    path.write_bytes(b"garbage")
    path.parent.chmod(0o500)
    try:
        assert store.scores(KEY) is None
        assert path.read_bytes() == b"garbage"
    finally:
        path.parent.chmod(0o700)


WRITER = """
import sys, time
from pathlib import Path
import numpy as np, pandas as pd
from llmpert.evaluation.prediction import Prediction
from llmpert.evaluation.store import ResultsStore

folder, seconds = Path(sys.argv[1]), float(sys.argv[2])
store = ResultsStore(folder / "results")
names = np.array([f"P{i}" for i in range(400)], dtype=object)
print("ready", flush=True)
end = time.monotonic() + seconds
written = 0
while time.monotonic() < end:
    for key in range(4):
        values = np.arange(400) + 1000.0 * key
        store.put_scores(
            f"0{key}",
            pd.DataFrame({"perturbation": names, "m": values}),
        )
        mean = np.tile(values[:, None], (1, 50))
        store.put_prediction(f"0{key}", Prediction(names, names[:50], mean, None))
        written += 1
print(written)
"""


def writer(folder: Path, seconds: float) -> subprocess.Popen:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), str(seconds)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout.readline() == "ready\n"
    return process


def complete(store: ResultsStore, key: int) -> tuple[bool, bool]:
    """Whether scores and predictions are there; those that are must be whole."""
    kept, predicted = store.scores(f"0{key}"), store.prediction(f"0{key}")
    if kept is not None:
        np.testing.assert_array_equal(kept["m"], np.arange(400) + 1000.0 * key)
    if predicted is not None:
        np.testing.assert_array_equal(predicted.mean[:, 49], np.arange(400) + 1000.0 * key)
    return kept is not None, predicted is not None


@pytest.mark.processes
def test_two_processes_can_write_the_same_fits(tmp_path):
    writers = [writer(tmp_path, 1.5) for _ in range(2)]
    store = ResultsStore(tmp_path / "results")
    seen: set[int] = set()
    while any(process.poll() is None for process in writers):
        for key in range(4):
            whole = complete(store, key)
            # A file that was there once is never missing or unreadable afterwards.
            assert all(whole) or key not in seen
            seen |= {key} if all(whole) else set()
    for process in writers:
        output, errors = process.communicate()
        assert process.returncode == 0, errors
        assert int(output) >= 8
    assert seen == {0, 1, 2, 3}
    assert all(complete(store, key) == (True, True) for key in range(4))
    assert len(files(tmp_path)) == 8


@pytest.mark.processes
def test_a_killed_process_leaves_only_whole_files(tmp_path):
    store = ResultsStore(tmp_path / "results")
    for delay in (0.05, 0.11, 0.23):
        process = writer(tmp_path, 60)
        time.sleep(delay)
        process.kill()
        process.communicate()
        assert process.returncode == -9
        for key in range(4):
            complete(store, key)
        # What it had in hand stays hidden, and stands in nobody's way.
        kept = [path for path in files(tmp_path) if not path.name.startswith(".")]
        assert len(kept) <= 8
        for path in kept:
            if path.suffix == ".npz":
                Prediction.load(path)
            else:
                pd.read_parquet(path)
    again = writer(tmp_path, 0.1)
    assert again.wait() == 0
    assert all(complete(store, key) == (True, True) for key in range(4))


def test_threads_can_share_a_store(tmp_path):
    store = ResultsStore(tmp_path)
    failures = []

    def work() -> None:
        try:
            for _ in range(20):
                put(store, "scores")
                assert value(store, "scores") == 0.5
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(files(tmp_path)) == 1


def test_a_pack_is_read_and_never_written(tmp_path):
    source = ResultsStore(tmp_path / "source")
    source.put_scores("k1", scores(0.123456))
    source.put_scores("k2", scores(0.25))
    pack = tmp_path / "pack.parquet"
    write_pack(pack, source, ["k1", "k2", "never fitted"])
    before = pack.read_bytes(), pack.stat().st_mtime_ns

    store = ResultsStore(tmp_path / "own", pack)
    assert store.has_scores("k1")
    assert not store.has_scores("never fitted")
    assert store.scores("never fitted") is None
    kept = store.scores("k1")
    assert list(kept["perturbation"]) == ["A", "B"]
    np.testing.assert_allclose(kept["pearson_all"], [0.123, np.nan], rtol=1e-6)
    assert not (tmp_path / "own").exists()
    store.put_scores("k3", scores(0.75))
    assert store.scores("k3")["pearson_all"][0] == 0.75
    assert store.scores("k2")["pearson_all"][0] == 0.25
    assert (pack.read_bytes(), pack.stat().st_mtime_ns) == before


def test_several_packs_may_have_other_columns(tmp_path):
    source = ResultsStore(tmp_path / "source")
    source.put_scores("k1", scores(0.5))
    large = pd.DataFrame({"perturbation": ["A", "B"], "effect": [412.25, np.nan]})
    source.put_scores("k2", large)
    packs = [tmp_path / f"{key}.parquet" for key in ("k1", "k2")]
    write_pack(packs[0], source, ["k1"])
    write_pack(packs[1], source, ["k2"], "Int32")
    store = ResultsStore(tmp_path / "own", *packs, tmp_path / "missing.parquet")
    assert store.scores("k1")["pearson_all"][0] == 0.5
    assert list(store.scores("k2")) == ["perturbation", "effect"]
    np.testing.assert_allclose(store.scores("k2")["effect"], large["effect"])


def test_a_pack_keeps_the_order_of_rows_and_metrics(tmp_path):
    written = pd.DataFrame(
        np.arange(9).reshape(3, 3) / 8, columns=["pearson_top20", "pearson_all", "mae_all"]
    )
    written.insert(0, "perturbation", ["C", "A", "B"])
    source = ResultsStore(tmp_path / "source")
    source.put_scores("k1", written)
    write_pack(tmp_path / "pack.parquet", source, ["k1"])
    kept = ResultsStore(tmp_path / "own", tmp_path / "pack.parquet").scores("k1")
    kept = kept.astype({"perturbation": object, **dict.fromkeys(kept.columns[1:], float)})
    pd.testing.assert_frame_equal(kept, written.astype({"perturbation": object}))


@settings(deadline=None, max_examples=settings().max_examples // 4)
@given(st.lists(st.floats(-1, 3) | st.just(float("nan")), min_size=2, max_size=8))
def test_a_pack_holds_every_score_to_half_a_thousandth(values):
    with TemporaryDirectory() as folder:
        source = ResultsStore(Path(folder) / "source")
        names = [f"G{at}" for at in range(len(values))]
        for key in ("k1", "k2"):
            source.put_scores(key, pd.DataFrame({"perturbation": names, "mae_all": values}))
        write_pack(Path(folder) / "pack.parquet", source, ["k1", "k2"])
        store = ResultsStore(Path(folder) / "own", Path(folder) / "pack.parquet")
        for key in ("k1", "k2"):
            kept = store.scores(key)
            assert list(kept["perturbation"]) == names
            np.testing.assert_allclose(kept["mae_all"], values, rtol=0, atol=0.00051)


def test_a_score_too_large_for_a_pack_is_refused(tmp_path):
    source = ResultsStore(tmp_path)
    source.put_scores("k1", pd.DataFrame({"perturbation": ["A"], "mae_all": [33.0]}))
    with pytest.raises(TypeError):
        write_pack(tmp_path / "pack.parquet", source, ["k1"])
    assert not (tmp_path / "pack.parquet").exists()


def test_a_pack_that_is_not_there_is_no_pack(tmp_path):
    assert ResultsStore(tmp_path, tmp_path / "missing.parquet").scores(KEY) is None


def test_a_damaged_pack_is_named(tmp_path):
    pack = tmp_path / "pack.parquet"
    pack.write_bytes(b"version https://git-lfs.github.com/spec/v1")
    with pytest.raises(InputError, match=r"pack\.parquet: expected a table of kept scores"):
        ResultsStore(tmp_path, pack).scores(KEY)
