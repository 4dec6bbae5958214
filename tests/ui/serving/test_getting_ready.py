"""What is made before anybody asks, and what is logged of starting."""

import asyncio
import logging
import os
import threading
import time

import pytest
import streamlit as st

import llmpert as lp
from llmpert.datasets import BUILT_IN_DATA, DatasetStore, Parts, UploadStore
from llmpert.datasets.uploads import DAYS
from llmpert.evaluation.experiment import Experiment
from llmpert.evaluation.trained import TrainedModel
from llmpert.genes.sets import GeneSets
from llmpert.insight.ranking import strong_perturbation
from llmpert.models.registry import GAUSSIAN_PROCESS
from llmpert.ui.common import cache
from llmpert.ui.common.selection import Selection
from llmpert.ui.serving import start
from llmpert.ui.serving.start import prepared
from tests.support import small


@pytest.fixture
def data():
    st.cache_resource.clear()
    small.place(
        "mine",
        [small.screen("LineA"), small.screen("LineB", seed=3)],
        [small.embedding("text"), small.embedding("sequence", seed=4)],
    )
    yield cache.load("mine")
    st.cache_resource.clear()


def first_view(data) -> Selection:
    return Selection(data, "LineA", data.embedding_choices[0], cache.training_sizes(data)[-1])


def predicted(data) -> list[bool]:
    """Of every knockdown of the first view, whether its prediction is there."""
    view = first_view(data)
    experiment = view.experiment
    names = experiment.problem.screen.perturbations
    return [experiment.kept_held_out(view.model, view.size, gene) is not None for gene in names]


def test_the_first_view_is_made_beforehand(data, monkeypatch):
    assert not any(predicted(data))
    start.prepare(threading.Event())
    assert all(predicted(data))
    # What the page asks for is at hand: nothing is fitted any more.
    view = first_view(data)
    monkeypatch.setattr(type(view.experiment), "_fit", None)
    for gene in view.experiment.problem.screen.perturbations:
        view.reliability(str(gene))
        view.model_behind(str(gene))


def test_large_screens_are_left_alone(data, monkeypatch):
    monkeypatch.setattr(start, "QUICK", 39)
    start.prepare(threading.Event())
    assert not any(predicted(data))


def test_trained_models_are_ready_without_a_fit(monkeypatch):
    st.cache_resource.clear()
    model = lp.train(small.screen("LineA"), small.embedding("text"))
    DatasetStore().add("mine", Parts(embeddings=[small.embedding("text")], trained=[model]))
    monkeypatch.setattr(Experiment, "_fit", None)
    start.prepare(threading.Event())
    view = Selection.of_trained(cache.load("mine"), "LineA")
    first = strong_perturbation(view.screen)
    # What the page asks for is at hand: not even the model without this gene is made any more.
    monkeypatch.setattr(TrainedModel, "behind", None)
    assert first not in view.reliability(first).fitted.trained_on
    st.cache_resource.clear()


def test_gene_sets_of_what_opens_first_are_read_beforehand(monkeypatch):
    st.cache_resource.clear()
    start.prepare(threading.Event())
    data = cache.load(cache.first_choice())
    monkeypatch.setattr(GeneSets, "within", None)
    assert len(cache.gene_sets(data, data.lines[0], "genes", "GO processes").members) > 1000
    st.cache_resource.clear()


def start_and_stop():
    async def run():
        async with prepared(None, threading.Event()):
            pass

    asyncio.run(run())
    join_threads()


def join_threads():
    for thread in threading.enumerate():
        if thread.name in ("prepare", "sweep"):
            thread.join()


def test_start_readiness_and_stop_are_logged(data, own_home, caplog):
    caplog.set_level(logging.INFO, "llmpert")
    st.cache_resource.clear()
    start_and_stop()
    events = {record.message: record for record in caplog.records}
    assert {"started", "data set loaded", "fit made", "ready", "stopped"} <= set(events)
    assert events["started"].version == "0.1.0"
    assert events["started"].data_folder == str(own_home)
    assert events["ready"].data_sets == ["mine", *BUILT_IN_DATA]
    assert events["data set loaded"].lines == ["LineA", "LineB"]
    fit = events["fit made"]
    assert (fit.model, fit.line, fit.size) == (GAUSSIAN_PROCESS, "LineA", 32)
    assert fit.seconds >= 0
    folds = {record.fold for record in caplog.records if record.message == "fit made"}
    assert folds == {0, 1, 2, 3, 4}


def test_damaged_data_do_not_keep_the_server_from_starting(data, own_home, caplog, monkeypatch):
    caplog.set_level(logging.INFO, "llmpert")
    small.place("mine", gene_sets=[GeneSets("go", "go.gmt", {"A": frozenset({"KD001"})})])
    (sets,) = (own_home / "datasets" / "mine").rglob("go.gmt")
    sets.write_bytes(b"damaged")
    st.cache_resource.clear()
    monkeypatch.setattr(start, "QUICK", 0)
    start_and_stop()
    assert "ready" in [record.message for record in caplog.records]


def test_a_mistake_in_getting_ready_is_logged_with_its_traceback(data, caplog, monkeypatch):
    monkeypatch.setattr(start, "QUICK", None)
    start_and_stop()
    (record,) = [record for record in caplog.records if record.message == "not prepared"]
    assert record.exc_info[0] is TypeError


def test_expired_uploads_go_when_the_server_starts_and_by_the_hour(data, monkeypatch):
    monkeypatch.setattr(start, "QUICK", 0)
    monkeypatch.setattr(start, "HOUR", 0.01)
    uploads = UploadStore()

    def expired() -> str:
        name = uploads.create("mine", Parts([small.screen()], [small.embedding()]))
        then = time.time() - DAYS * 86_400 - 60
        os.utime(uploads.folder(name), (then, then))
        return name

    async def run():
        async with start.prepared(None, threading.Event()):
            for name in (first, expired()):
                for _ in range(1000):
                    if not uploads.folder(name).exists():
                        break
                    await asyncio.sleep(0.01)
                assert not uploads.folder(name).exists()

    first = expired()
    asyncio.run(run())
    join_threads()
