"""Sources in a folder: what is fetched, verified, kept, noted, and left alone."""

import json
import os
import shutil
import sys
import tempfile
import threading
import time
from collections import namedtuple
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmpert.downloads import PublicFile, download, missing_bytes, presence
from llmpert.downloads import folder as folder_module
from llmpert.downloads.transfer import transfer
from llmpert.errors import InputError
from tests.support.faulty_server import CONTENT, Faulty, answers, cut, md5, serve, zipped

ADA, OTHER = b"ada " * 1000, b"other " * 2000
ARCHIVE = zipped({"v2/ada.pickle": ADA, "v2/other.pickle.": OTHER, "v2/text.json": b"{}"})
ABOUT = {"what": "A file.", "licence": "CC BY 4.0", "citation": "Somebody 2024, doi:10.1/x"}


@pytest.fixture(autouse=True)
def direct(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(folder_module, "transfer", partial(transfer, wait=lambda _: None))


@pytest.fixture
def server():
    with Faulty() as server:
        server.files["/archive.zip"] = ARCHIVE
        yield server


def plain(server, **changes):
    source = PublicFile(
        "screen", kind="raw bulk screen", url=server.url, file="screen.h5ad",
        size=len(CONTENT), md5=md5(CONTENT), **ABOUT,
    )  # fmt: skip
    return replace(source, **changes)


def member(server, key="ada", content=ADA):
    return PublicFile(
        key, kind="text embedding", url=server.url.replace("file.bin", "archive.zip"),
        file="archive.zip", size=len(ARCHIVE), md5=md5(ARCHIVE), member=f"{key}.pickle",
        unpacked=len(content), **ABOUT,
    )  # fmt: skip


def released(server, md5_of_release=None):
    """A file whose hash is in a metalink, which the server has if one is given."""
    if md5_of_release:
        server.files["/RELEASE.metalink"] = (
            f'<metalink><files><file name="screen.h5ad"><size>{len(server.content)}</size>'
            f'<hash type="md5">{md5_of_release}</hash></file></files></metalink>'
        ).encode()
    else:
        server.faults.append(answers(404))
    metalink = server.url.replace("file.bin", "RELEASE.metalink")
    return plain(server, md5="", size=47, metalink=metalink)


class Run:
    def __init__(self, sources, folder):
        self.said, self.progress = [], []
        self.paths = download(
            sources, folder, lambda *so_far: self.progress.append(so_far), self.said.append
        )


def names(folder):
    return {path.name for path in folder.iterdir() if not path.name.endswith(".lock")}


def note(path):
    return json.loads(path.with_name(f"{path.name}.provenance.json").read_text("utf-8"))


def test_a_file_comes_with_a_note_of_its_source(server, tmp_path):
    folder = tmp_path / "made" / "for" / "it"
    assert presence(plain(server), folder) == "no"
    assert missing_bytes([plain(server)], folder) == len(CONTENT)
    run = Run([plain(server)], folder)
    path = run.paths["screen"]
    assert path.read_bytes() == CONTENT
    assert names(folder) == {"screen.h5ad", "screen.h5ad.provenance.json"}
    assert run.progress[-1] == ("screen.h5ad", len(CONTENT), len(CONTENT))
    found = note(path)
    assert found.pop("date").startswith("20")
    assert found.pop("modified") == path.stat().st_mtime_ns
    assert found == {
        "key": "screen", "url": server.url, "how": "downloaded", "bytes": len(CONTENT),
        "md5": md5(CONTENT), "published_md5": md5(CONTENT), "published_md5_is_of": "screen.h5ad",
        **ABOUT,
    }  # fmt: skip
    assert presence(plain(server), folder) == "yes"
    assert missing_bytes([plain(server)], folder) == 0


def test_what_is_there_is_not_fetched_again(server, tmp_path):
    Run([plain(server), member(server)], tmp_path)
    asked = len(server.requests)
    run = Run([plain(server), member(server)], tmp_path)
    assert len(server.requests) == asked == 2
    assert run.progress == []


def test_members_of_an_archive_come_in_one_transfer(server, tmp_path):
    both = [member(server), plain(server), member(server, "other", OTHER)]
    assert missing_bytes(both, tmp_path) == len(ARCHIVE) + len(CONTENT)
    paths = Run(both, tmp_path).paths
    assert (paths["ada"].read_bytes(), paths["other"].read_bytes()) == (ADA, OTHER)
    assert len(server.requests) == 2
    assert note(paths["ada"])["md5"] == md5(ADA)
    assert note(paths["ada"])["published_md5"] == md5(ARCHIVE)
    # Neither the archive nor its other members stay.
    kept = {"ada.pickle", "other.pickle", "screen.h5ad"}
    assert names(tmp_path) == kept | {f"{name}.provenance.json" for name in kept}


def test_a_download_that_was_killed_before_its_note_was_not_copied_by_hand(
    server, tmp_path, monkeypatch
):
    with monkeypatch.context() as patch:
        patch.setattr(folder_module, "write_note", lambda *_: sys.exit())
        with pytest.raises(SystemExit):
            Run([plain(server)], tmp_path)
    assert (tmp_path / "screen.h5ad").read_bytes() == CONTENT
    found = Run([plain(server)], tmp_path).paths["screen"]
    assert len(server.requests) == 1
    assert note(found)["how"] == "downloaded"
    assert names(tmp_path) == {"screen.h5ad", "screen.h5ad.provenance.json"}


def test_a_file_copied_by_hand_is_verified_without_internet(server, tmp_path):
    source = plain(server)
    server.shutdown()
    server.server_close()
    with pytest.raises(InputError, match="No connection") as problem:
        Run([source], tmp_path)
    assert str(tmp_path / "screen.h5ad") in str(problem.value)
    (tmp_path / "screen.h5ad").write_bytes(CONTENT)
    assert presence(source, tmp_path) == "unverified"
    run = Run([source], tmp_path)
    assert any("copied here" in sentence for sentence in run.said)
    assert note(run.paths["screen"])["how"] == "copied by hand"
    assert presence(source, tmp_path) == "yes"


def test_an_archive_copied_by_hand_is_verified_and_unpacked(server, tmp_path):
    (tmp_path / "archive.zip").write_bytes(ARCHIVE)
    assert presence(member(server), tmp_path) == "unverified"
    paths = Run([member(server)], tmp_path).paths
    assert paths["ada"].read_bytes() == ADA
    assert server.requests == []
    assert not (tmp_path / "archive.zip").exists()


@pytest.mark.parametrize("wrong", [CONTENT[:-1], b"", CONTENT[::-1]])
def test_a_wrong_copy_stays_until_the_right_file_is_whole(server, tmp_path, wrong):
    path = tmp_path / "screen.h5ad"
    path.write_bytes(wrong)
    server.faults.append(answers(404))
    with pytest.raises(InputError, match="404"):
        Run([plain(server)], tmp_path)
    assert path.read_bytes() == wrong
    run = Run([plain(server)], tmp_path)
    assert "not match the published checksum" in run.said[0]
    assert path.read_bytes() == CONTENT


def test_a_newly_published_version_is_fetched(server, tmp_path):
    Run([plain(server)], tmp_path)
    server.content = CONTENT[::-1]
    server.etag = '"2"'
    path = Run([plain(server, md5=md5(server.content))], tmp_path).paths["screen"]
    assert path.read_bytes() == server.content


def test_a_metalink_tells_size_and_md5(server, tmp_path):
    path = Run([released(server, md5(CONTENT))], tmp_path).paths["screen"]
    assert path.read_bytes() == CONTENT
    assert note(path)["published_md5"] == md5(CONTENT)
    server.requests.clear()
    Run([released(server, md5(CONTENT))], tmp_path)
    assert server.requests == []


def test_a_file_unlike_its_metalink_is_refused(server, tmp_path):
    with pytest.raises(InputError, match="another MD5"):
        Run([released(server, md5(b"other"))], tmp_path)
    assert names(tmp_path) == set()


def test_without_a_metalink_it_says_that_only_the_length_is_checked(server, tmp_path):
    run = Run([released(server)], tmp_path)
    assert "no published MD5" in run.said[0]
    assert note(run.paths["screen"])["published_md5"] is None
    assert run.paths["screen"].read_bytes() == CONTENT


def test_a_copy_without_any_published_md5_is_taken_and_called_unverified(server, tmp_path):
    (tmp_path / "screen.h5ad").write_bytes(b"from elsewhere")
    run = Run([released(server)], tmp_path)
    assert "unverified" in run.said[1]
    assert run.paths["screen"].read_bytes() == b"from elsewhere"
    assert note(run.paths["screen"])["published_md5"] is None


Usage = namedtuple("Usage", "total used free")


def test_space_is_checked_before_anything_is_asked_for(server, tmp_path, monkeypatch):
    def free(size):
        monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 0, size))

    needed = len(ARCHIVE) + len(ADA)
    free(needed - 1)
    with pytest.raises(InputError, match=r"free space"):
        Run([member(server)], tmp_path)
    assert server.requests == []
    # What an earlier run brought needs no more space.
    free(needed)
    server.faults.extend([cut(100), answers(404)])
    with pytest.raises(InputError, match="404"):
        Run([member(server)], tmp_path)
    free(needed - 100)
    assert Run([member(server)], tmp_path).paths["ada"].read_bytes() == ADA


def test_a_folder_that_cannot_be_written_is_named(server, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match=r"file.*cannot be written"):
        Run([plain(server)], tmp_path / "file")
    assert server.requests == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_named(server, tmp_path):
    folder = tmp_path / "downloads"
    folder.mkdir()
    folder.chmod(0o500)
    with pytest.raises(InputError, match=r"downloads.*cannot be written \(Permission denied\)"):
        Run([plain(server)], folder)
    assert server.requests == []


def test_writing_that_is_denied_is_one_sentence(server, tmp_path, monkeypatch):
    def denied(*_, **__):
        raise PermissionError(13, "Permission denied", str(tmp_path / "screen.h5ad"))

    monkeypatch.setattr(Path, "replace", denied)
    with pytest.raises(InputError, match=r"screen.h5ad: cannot be written \(Permission denied\)"):
        Run([plain(server)], tmp_path)


def test_one_waits_for_another_who_downloads_the_same(server, tmp_path):
    def slowly(handler):
        time.sleep(0.3)
        serve(handler)

    server.faults.append(slowly)
    runs, problems = [], []

    def run():
        try:
            runs.append(Run([plain(server)], tmp_path))
        except Exception as problem:
            problems.append(problem)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert len(server.requests) == 1
    assert sum("another process" in sentence for one in runs for sentence in one.said) == 2
    assert (tmp_path / "screen.h5ad").read_bytes() == CONTENT


def junk(path):
    path.write_bytes(b"junk")


def gone(path):
    path.unlink(missing_ok=True)


def halved(path):
    if path.exists():
        os.truncate(path, path.stat().st_size // 2)


ENDINGS = ["", ".provenance.json", ".part", ".part.json"]


@settings(max_examples=settings().max_examples // 4)
@given(
    damages=st.lists(
        st.tuples(
            st.sampled_from([junk, gone, halved]),
            st.sampled_from(["screen.h5ad", "archive.zip", "ada.pickle"]),
            st.sampled_from(ENDINGS),
        ),
        max_size=5,
    ),
    stop=st.none() | st.integers(1, len(ARCHIVE) - 1),
)
def test_whatever_lies_in_the_folder_the_files_come_out_right(damages, stop):
    with Faulty() as server, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server.files["/archive.zip"] = ARCHIVE
        sources = [member(server), plain(server)]
        if stop:
            server.faults.extend([cut(stop), answers(404)])
            with pytest.raises(InputError, match="404"):
                Run(sources, folder)
        else:
            Run(sources, folder)
        for damage, file, ending in damages:
            damage(folder / f"{file}{ending}")
        paths = Run(sources, folder).paths
        assert (paths["ada"].read_bytes(), paths["screen"].read_bytes()) == (ADA, CONTENT)
        assert (note(paths["ada"])["md5"], note(paths["screen"])["md5"]) == (
            md5(ADA),
            md5(CONTENT),
        )
        assert {presence(source, folder) for source in sources} == {"yes"}
