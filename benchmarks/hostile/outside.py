"""What nothing may read, write or show: files outside, and names that are more than text."""

from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from benchmarks.hostile.readers import MARK, NUMBER

BAD_NAMES = (
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<b>", "</script>",
    "![x](http://127.0.0.1/x.png)", "[x](javascript:alert(1))", "`code`",
    "=1+1", "=cmd|' /C calc'!A0", "+1", "-1+1", "@SUM(A1)",
    "a\x1b[2Jb", "a\nb", "a\rb", "a\tb", "\x07", "A\u202eB", "\u2066A", "A\u200bB", "\ufeffA",
    "", " ", "x" * 100_000,
)  # fmt: skip


@dataclass(frozen=True)
class Outside:
    """Files outside, which hold `MARK` and `NUMBER`, and a folder where what runs leaves a file."""

    raw: Path
    text: Path
    hdf5: Path
    canary: Path


def write_outside(folder: Path) -> Outside:
    """Write them."""
    outside = Outside(
        folder / "secret.bin", folder / "secret.txt", folder / "secret.h5", folder / "canary"
    )
    outside.canary.mkdir(parents=True)
    outside.raw.write_bytes(np.full(5000, NUMBER, "f4").tobytes())
    outside.text.write_text(MARK * 5000)
    with h5py.File(outside.hdf5, "w") as file:
        file["numbers"] = np.full((20, 12), NUMBER, "f4")
        file["flat"] = np.full(5000, NUMBER, "f4")
        texts = [f"{MARK}{number}" for number in range(20)]
        file["texts"] = texts
        file["texts"].attrs.update({"encoding-type": "string-array", "encoding-version": "0.2.0"})
        file["fixed"] = np.array([MARK.encode()] * 100, "S16")
        file["table/index"] = texts
        file["table"].attrs.update(
            {
                "encoding-type": "dataframe", "encoding-version": "0.2.0", "_index": "index",
                "column-order": np.array([], "S1"),
            }
        )  # fmt: skip
        file["words/source"] = MARK
        file["words"].attrs.update({"encoding-type": "dict", "encoding-version": "0.1.0"})
        file["words/source"].attrs.update({"encoding-type": "string", "encoding-version": "0.2.0"})
    return outside
