"""HDF5 files that lead out, go round, claim too much or hold what is no name or number."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np

from benchmarks.hostile.outside import BAD_NAMES, Outside

Edit = Callable[[h5py.File], object]


def attacked(valid: Path, folder: Path, outside: Outside) -> Iterator[Path]:
    """Versions of a valid file, one an attack; attacks that do not fit it are left out."""
    for number, edit in enumerate(_edits(outside)):
        path = folder / f"{valid.stem}-{number}{valid.suffix}"
        shutil.copy(valid, path)
        try:
            with h5py.File(path, "r+") as file:
                edit(file)
        except (KeyError, TypeError, AttributeError, ValueError, OSError, RuntimeError):
            path.unlink()
            continue
        yield path
    yield from _shared_text(valid, folder)


def numbers(file: h5py.File) -> str:
    """Where the file's numbers are."""
    if "X" not in file:
        return next(iter(file))
    return "X" if isinstance(file["X"], h5py.Dataset) else "X/data"


def names(file: h5py.File, where: str = "obs") -> str:
    """Where the names of rows (or columns) are."""
    return f"{where}/{file[where].attrs['_index']}"


def _edits(outside: Outside) -> Iterator[Edit]:
    yield from _links(outside)
    yield from _storage(outside)
    yield from _paths(outside)
    yield from _sizes()
    yield from _sparse()
    yield from _values()
    yield from _words()


def put(file: h5py.File, name: str, value: object = None, **options: object) -> None:
    """Put something in the place of a dataset or group, and keep its attributes."""
    marks = dict(file[name].attrs)
    del file[name]
    if options:
        made = file.create_dataset(name, **options)
        for key, mark in marks.items():
            made.attrs[key] = mark
    else:
        file[name] = value
        if not isinstance(value, h5py.SoftLink | h5py.ExternalLink):
            for key, mark in marks.items():
                file[name].attrs[key] = mark


def _links(outside: Outside) -> Iterator[Edit]:
    secret = str(outside.hdf5)
    external = h5py.ExternalLink(secret, "/numbers")
    yield lambda f: put(f, numbers(f), external)
    yield lambda f: put(f, names(f), h5py.ExternalLink(secret, "/texts"))
    yield lambda f: put(f, names(f, "var"), h5py.ExternalLink(secret, "/texts"))
    yield lambda f: put(f, "obs", h5py.ExternalLink(secret, "/table"))
    yield lambda f: put(f, "X", h5py.ExternalLink(secret, "/numbers"))
    yield lambda f: put(f, "uns", h5py.ExternalLink(secret, "/words"))
    for key in ("source", "unit", "line", "llmpert", "method", "trained_on", "about"):
        yield lambda f, k=key: put(f, f"uns/{k}", h5py.ExternalLink(secret, "/words/source"))
    yield lambda f: put(f, "uns/llmpert/line", h5py.ExternalLink(secret, "/words/source"))
    yield lambda f: put(f, numbers(f), h5py.ExternalLink("/dev/zero", "/"))
    yield lambda f: put(f, "obs", h5py.ExternalLink("/dev/tty", "/"))
    yield lambda f: put(f, numbers(f), h5py.SoftLink("/nowhere"))
    yield lambda f: put(f, numbers(f), h5py.SoftLink("/" + numbers(f)))
    yield lambda f: put(f, "obs", h5py.SoftLink("/var"))
    yield lambda f: put(f, "var", h5py.SoftLink("/obs"))

    def behind_a_soft_link(file: h5py.File) -> None:
        file["behind"] = external
        put(file, numbers(file), h5py.SoftLink("/behind"))

    yield behind_a_soft_link

    def inside_itself(where: str) -> Edit:
        return lambda file: file[where].__setitem__("again", file[where])

    yield from map(inside_itself, ("obs", "var", "uns", "X", "uns/llmpert", "uns/trained_on", "/"))

    def doubling(file: h5py.File) -> None:
        group = file["uns"] if "uns" in file else file["/"]
        group = group.require_group("llmpert")
        for _ in range(40):
            inner = group.create_group("a")
            group["b"] = inner
            group = inner

    yield doubling
    for where in ("obs", "uns/llmpert", "uns/trained_on", "X"):
        yield lambda f, w=where: f[w].create_group("/".join(["a"] * 3000))


def _storage(outside: Outside) -> Iterator[Edit]:
    def raw(file: h5py.File, name: str, path: Path, dtype: object) -> None:
        shape = file[name].shape
        put(file, name, shape=shape, dtype=dtype, external=[(str(path), 0, h5py.h5f.UNLIMITED)])

    yield lambda f: raw(f, numbers(f), outside.raw, "f4")
    yield lambda f: raw(f, names(f), outside.text, "S16")
    yield lambda f: raw(f, names(f, "var"), outside.text, "S16")
    yield lambda f: raw(f, numbers(f), Path("/dev/zero"), "f4")
    yield lambda f: raw(f, "uns/source", outside.text, "S16")

    def virtual(file: h5py.File, name: str, source: str, dtype: object) -> None:
        shape, marks = file[name].shape, dict(file[name].attrs)
        layout = h5py.VirtualLayout(shape=shape, dtype=dtype)
        with h5py.File(outside.hdf5) as secret:
            rows = secret[source].shape
        there = h5py.VirtualSource(str(outside.hdf5), source, shape=rows)
        layout[...] = there[tuple(slice(0, length) for length in shape)]
        del file[name]
        made = file.create_virtual_dataset(name, layout)
        for key, mark in marks.items():
            made.attrs[key] = mark

    yield lambda f: virtual(f, numbers(f), "numbers" if f[numbers(f)].ndim == 2 else "flat", "f4")
    yield lambda f: virtual(f, names(f), "fixed", "S16")


def _paths(outside: Outside) -> Iterator[Edit]:
    """Names of columns that lead to a link elsewhere in the file."""
    secret = str(outside.hdf5)

    def column(where: str, key: str) -> Edit:
        def edit(file: h5py.File) -> None:
            file["elsewhere"] = h5py.ExternalLink(secret, "/texts")
            file[where].attrs[key] = "/elsewhere" if key == "_index" else ["/elsewhere"]

        return edit

    for where in ("obs", "var"):
        yield column(where, "column-order")
        yield column(where, "_index")

    def categories(target: Callable[[h5py.File], object]) -> Edit:
        def edit(file: h5py.File) -> None:
            file["elsewhere"] = h5py.ExternalLink(secret, "/texts")
            file[names(file)].attrs["categories"] = target(file)

        return edit

    def raw(file: h5py.File) -> h5py.Reference:
        there = [(str(outside.text), 0, h5py.h5f.UNLIMITED)]
        return file.create_dataset("raw", shape=(40,), dtype="S16", external=there).ref

    yield categories(lambda file: "/elsewhere")
    yield categories(raw)
    yield categories(lambda file: file["X"].ref)
    yield lambda f: f["obs"].attrs.__setitem__("column-order", ["absent"])
    yield lambda f: f["obs"].attrs.__setitem__("_index", "absent")
    yield lambda f: f["obs"].attrs.__setitem__("_index", 5)


def _sizes() -> Iterator[Edit]:
    many = {"chunks": (1000, 1000), "dtype": "f4"}
    yield lambda f: put(f, "X", shape=(10**6, 10**6), **many)
    yield lambda f: put(f, "X", shape=(20, 10**9), chunks=(20, 1000), dtype="i1")
    yield lambda f: put(f, "X", shape=(10**8, 12), chunks=(1000, 12), dtype="f8")
    yield lambda f: put(
        f, "X", shape=(20, 12), maxshape=(None, None), chunks=(2**15, 2**14), dtype="f8",
        compression="gzip", shuffle=True,
    )  # fmt: skip
    yield lambda f: put(f, numbers(f), shape=(10**11,), chunks=(1000,), dtype="f4")
    yield lambda f: put(f, numbers(f), shape=(10**7,), chunks=(1000,), dtype="S999")
    for where in ("obs", "var"):
        yield lambda f, w=where: put(f, names(f, w), shape=(10**10,), chunks=(999,), dtype="i1")
        yield lambda f, w=where: put(f, names(f, w), shape=(5 * 10**8,), chunks=(999,), dtype="i1")
        yield lambda f, w=where: put(f, names(f, w), shape=(20,), chunks=(1,), dtype="S1000000000")
        yield lambda f, w=where: put(f, names(f, w), shape=(10**9,), chunks=(999,), dtype=TEXT)
    for shape in ((2**40, 2**40), (3 * 10**6, 3 * 10**6), (-1, 5), (20, 10**10), (0, 0), (20,)):
        yield lambda f, s=shape: f["X"].attrs.__setitem__("shape", np.array(s))
    yield lambda f: f["X"].attrs.__setitem__("shape", "20 x 12")
    yield lambda f: put(f, "uns/llmpert/line", shape=(10**10,), chunks=(999,), dtype="f8")
    yield lambda f: put(f, "uns/source", shape=(10**10,), chunks=(999,), dtype="f8")
    for key in ("layers", "obsm", "raw"):  # what is not read may be anything

        def junk(file: h5py.File, key: str = key) -> None:
            file.pop(key, None)
            file.create_dataset(f"{key}/junk", shape=(10**9, 10**6), chunks=(99, 99), dtype="f8")

        yield junk


def _sparse() -> Iterator[Edit]:
    def change(part: str, edit: Callable[[np.ndarray], np.ndarray]) -> Edit:
        def on(file: h5py.File) -> None:
            if not isinstance(file["X"], h5py.Group):
                raise KeyError(part)
            values = edit(file[f"X/{part}"][()])
            del file[f"X/{part}"]
            file[f"X/{part}"] = values

        return on

    def at(place: int, value: int) -> Callable[[np.ndarray], np.ndarray]:
        def edit(values: np.ndarray) -> np.ndarray:
            values[place] = value
            return values

        return edit

    for value in (2**31 - 1, -1, -(2**31), 10**6, 5000):
        for place in (0, -1, 7):
            yield change("indices", at(place, value))
            yield change("indptr", at(place, value))
    yield change("indices", lambda values: values.astype(np.int64) + 2**40)
    yield change("indices", lambda values: values[:-9])
    yield change("indices", lambda values: values.astype("f4"))
    yield change("indices", lambda values: values.astype("u1"))
    yield change("indptr", lambda values: values[::-1].copy())
    yield change("indptr", lambda values: values[:3])
    yield change("indptr", lambda values: np.append(values, values[-1]))
    yield change("indptr", lambda values: values.reshape(-1, 1))
    yield change("data", lambda values: values[:5])
    yield change("data", lambda values: values * np.nan)
    yield change("data", lambda values: np.array([b"text"] * len(values)))


TEXT = h5py.string_dtype()


def _values() -> Iterator[Edit]:
    for dtype in (
        h5py.ref_dtype, h5py.regionref_dtype, h5py.vlen_dtype("f4"), h5py.vlen_dtype("i8"),
        np.dtype("c16"), np.dtype("f16"), np.dtype([("a", "f4"), ("b", h5py.ref_dtype)]), TEXT,
        np.dtype(("f4", (5,))), np.dtype("V9"), np.dtype("?"), h5py.opaque_dtype("M8[s]"),
    ):  # fmt: skip
        yield lambda f, d=dtype: put(f, numbers(f), shape=f[numbers(f)].shape, dtype=d)
        yield lambda f, d=dtype: put(f, names(f), shape=f[names(f)].shape, dtype=d)
    yield lambda f: put(f, numbers(f), np.dtype("f4"))  # a type alone
    for shape in ((), (0,), (5,), (2, 3, 4), (0, 5), (5, 0)):
        yield lambda f, s=shape: put(f, "X", shape=s, dtype="f4")
    for value in (np.nan, np.inf, -np.inf, 1e300):
        yield lambda f, v=value: put(f, numbers(f), np.full(f[numbers(f)].shape, v))
    yield lambda f: put(f, "X", h5py.Empty("f4"))
    for key in ("cells", "spread", "control_mean"):
        for value in ([b"x"], [np.nan], np.zeros((4, 4)), h5py.Empty("f4")):
            for where in ("obs", "var"):
                yield lambda f, n=f"{where}/{key}", v=value: put(f, n, v)
    for mark in ("dataframe", "dict", "anndata", "raw", "null", "categorical", "nonsense", "", 5):
        for where in ("X", "obs", "uns", "uns/llmpert", "/", "uns/trained_on"):
            yield lambda f, w=where, m=mark: f[w].attrs.__setitem__("encoding-type", m)


def _words() -> Iterator[Edit]:
    def named(where: str, name: str) -> Edit:
        def edit(file: h5py.File) -> None:
            if isinstance(file[where], h5py.Group):
                raise KeyError(where)
            values = file[where].asstr()[()]
            values[0] = name
            put(file, where, values.astype(TEXT))

        return edit

    for name in BAD_NAMES:
        yield lambda f, n=name: named(names(f), n)(f)
        yield lambda f, n=name: named(names(f, "var"), n)(f)
        for key in ("line", "cell_line", "unit", "source", "method", "llmpert/line"):
            yield lambda f, k=key, n=name: put(f, f"uns/{k}", n)
        yield lambda f, n=name: _told(f, {"source": n})
        yield lambda f, n=name: _told(f, {"notes": [n], n: 5})
    deep: object = 1
    for _ in range(800):
        deep = [deep]
    for told in (
        deep, {"a": deep}, {"notes": 5}, {"notes": [5]}, {"steps": {}}, [], 5, "text", None,
        {"identity": "simulated"}, {"simulated": "no", "source": 5}, {"file": ["x"]},
        {"source": "x" * 10**6},
    ):  # fmt: skip
        yield lambda f, t=told: _told(f, t)
    for text in ("[" * 10**6, '{"a":' * 10**5, "9" * 10**6, "NaN", "{", '"\\ud800"'):
        yield lambda f, t=text: _tell(f, t)
    yield lambda f: put(f, "uns/llmpert/version", 99)
    yield lambda f: put(f, "uns/llmpert/version", "one")
    yield lambda f: f.pop("uns/llmpert/provenance") or f.__delitem__("uns/llmpert/unit")


def _told(file: h5py.File, told: object) -> None:
    _tell(file, json.dumps(told))


def _tell(file: h5py.File, text: str) -> None:
    put(file, "uns/about" if "about" in file["uns"] else "uns/llmpert/provenance", text)


def _shared_text(valid: Path, folder: Path) -> Iterator[Path]:
    """A table whose entries are all one long text: little in the file, much in memory."""
    path = folder / f"{valid.stem}-shared{valid.suffix}"
    shutil.copy(valid, path)
    count = 4000
    with h5py.File(path, "r+") as file:
        if "obs" not in file:
            return
        put(file, names(file), shape=(count,), dtype=TEXT)
        file[names(file)][0] = "x" * (2 << 20)
        file.flush()
        at = file[names(file)].id.get_offset()
    content = bytearray(path.read_bytes())
    content[at : at + 16 * count] = content[at : at + 16] * count
    path.write_bytes(content)
    yield path
