"""What a file leaves open, asked of who brings it."""

from collections.abc import Callable
from typing import TypeVar

import streamlit as st

from llmpert.errors import Question
from llmpert.ui.common import components as show
from llmpert.ui.datasets.uploads import ChosenFile

R = TypeVar("R")

QUESTIONS = {
    "values": "What are the numbers?",
    "target": "Which column names the knocked-down genes?",
    "line": "Which cell line do you want?",
    "layer": "Where are the values?",
    "control": "What are control cells called?",
}


def _ask(file: ChosenFile, question: Question) -> str | None:
    """Ask how a file is to be read; return the answer, None before there is one."""
    st.warning(show.verbatim(str(question)), icon=":material/help:")

    def words(answer: str) -> str:
        said = question.choices[answer]
        return answer if said == answer else f"{answer}: {said}"

    return st.selectbox(
        QUESTIONS[question.option],
        list(question.choices),
        index=None,
        format_func=words,
        key=f"ask-{question.option}-{file.identity}",
        placeholder="Choose",
    )


def answered(file: ChosenFile, answers: dict[str, str], read: Callable[[], R]) -> R | None:
    """Read a file, asking what it leaves open; None while an answer is missing.

    Args:
        answers: Those given so far, which `read` uses; new ones are added.
    """
    while True:
        try:
            return read()
        except Question as question:
            answer = _ask(file, question)
            if answer is None:
                return None
            answers[question.option] = answer
