"""What was found of a screen: a grade, a sentence and what it means, and the card of them all."""

import json
from dataclasses import dataclass
from enum import Enum

import pandas as pd


class Grade(Enum):
    """What to do about a finding; first what matters most."""

    PROBLEM = "problem"
    LOOK = "look"
    FINE = "fine"
    UNKNOWN = "unknown"

    @property
    def mark(self) -> str:
        """A shape that stands for it without colour."""
        return {"problem": "✗", "look": "▲", "fine": "✓", "unknown": "?"}[self.value]


@dataclass(frozen=True)
class Finding:
    """One look at a screen.

    Attributes:
        what: What was looked at.
        found: What was found, in a sentence.
        meaning: What it means for predictions, in a sentence.
        names: Knockdowns, or genes, that it is about, those that matter most first.
    """

    what: str
    grade: Grade
    found: str
    meaning: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class ReportCard:
    """What a screen is worth for predictions.

    Attributes:
        line: The screen's cell line.
        findings: What matters most first.
        knockdowns: A row a perturbation, in the screen's order: `perturbation`; `cells`; `target`
            (the measured gene that it is, "" if none) and `target_response`; `size` (root mean
            square response); `agreement` (expected of a repeat); `closest` and `similarity` (the
            most similar other knockdown, of those with an effect); `remarks` ("" if none). Missing
            where unknown.
    """

    line: str
    findings: tuple[Finding, ...]
    knockdowns: pd.DataFrame

    @property
    def headline(self) -> str:
        """How many findings there are of each grade."""
        grades = [one.grade for one in self.findings]
        counts = {grade: grades.count(grade) for grade in Grade}
        words = {
            Grade.PROBLEM: "problem" + "s" * (counts[Grade.PROBLEM] > 1),
            Grade.LOOK: "to look at",
        }
        return ", ".join(f"{n} {words.get(of, of.value)}" for of, n in counts.items() if n)

    def lines(self, short: bool = False) -> list[str]:
        """Return the card as lines of text; `short` leaves out what is fine or unknown."""
        serious = (Grade.PROBLEM, Grade.LOOK)
        lines = [f"Report card of {self.line}: {self.headline}."]
        for one in self.findings:
            if not short or one.grade in serious:
                grade = f"{one.grade.mark} {one.grade.value}"
                lines += [f"  {grade:<9}  {one.what}: {one.found}", f"{'':13}{one.meaning}"]
        return lines

    def table(self) -> pd.DataFrame:
        """Return the findings as a table: what, grade, found, meaning, names."""
        rows = [
            vars(one) | {"grade": one.grade.value, "names": " ".join(one.names)}
            for one in self.findings
        ]
        return pd.DataFrame(rows)

    def json(self) -> str:
        """Return all of the card as JSON text; what is unknown is null."""
        rows = json.loads(self.knockdowns.to_json(orient="records"))
        findings = [
            vars(one) | {"grade": one.grade.value, "names": list(one.names)}
            for one in self.findings
        ]
        card = {"line": self.line, "findings": findings, "knockdowns": rows}
        return json.dumps(card, indent=1, ensure_ascii=False)
