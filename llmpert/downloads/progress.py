"""How far a file is that is downloaded or read: a bar for one file after another."""

import sys
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from tqdm import tqdm


class FileBar:
    """A progress bar with speed and time left on standard error, or `stream`, for each file."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self.file = ""
        self.bar: tqdm[Any] | None = None
        self.stream = stream

    def show(self, file: str, done: int, total: int | None) -> None:
        """Draw how many bytes of a file are done, of how many."""
        # It takes a moment to import, and `--help` need not wait for it.
        from tqdm import tqdm

        if self.bar is None or file != self.file or done < self.bar.n:
            self.close()
            # What an earlier run downloaded counts for the length, not for the speed.
            self.bar = tqdm(
                desc=file, total=total, initial=done, unit="B", unit_scale=True,
                dynamic_ncols=True, mininterval=0.5, file=self.stream,
            )  # fmt: skip
            self.file = file
        self.bar.update(done - self.bar.n)

    def progress(self) -> tuple[float, str] | None:
        """Return the share of the file that is done, and bytes, speed and time left in words."""
        if (bar := self.bar) is None:
            return None
        elapsed = bar.format_dict["elapsed"]
        speed = bar.format_dict["rate"] or ((bar.n - bar.initial) / elapsed if elapsed else 0)
        words = f"{self.file}: {bar.format_sizeof(bar.n)}B"
        if not bar.total:
            return 0.0, words
        words += f" of {bar.format_sizeof(bar.total)}B"
        if speed and bar.n < bar.total:
            left = bar.format_interval((bar.total - bar.n) / speed)
            words += f", {bar.format_sizeof(speed)}B/s, {left} left"
        return min(1.0, bar.n / bar.total), words

    def say(self, sentence: str) -> None:
        """End the bar and print a sentence after it on standard error."""
        self.close()
        print(sentence, file=sys.stderr, flush=True)

    def close(self) -> None:
        """End the bar, so that text can follow it."""
        if self.bar is not None:
            self.bar.close()
            self.bar = None
