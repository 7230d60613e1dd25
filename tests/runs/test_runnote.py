"""A line about a run, and its tags."""

from __future__ import annotations

from pathlib import Path

import pytest
from samplerun import finished_run

from stplay.errors import UserError
from stplay.runs import runnote
from stplay.runs.runsummary import summary_of


def test_a_note_is_one_line_with_tags(home: Path) -> None:
    run = finished_run()
    assert (runnote.read(run.folder), summary_of(run).tags) == ("", [])
    runnote.write(run.folder, "  #baseline #snli a\nbigger   batch # ")
    assert (run.folder / "note.txt").read_text() == "#baseline #snli a bigger batch #\n"
    told = summary_of(run)
    assert (told.note, told.tags) == ("#baseline #snli a bigger batch #", ["baseline", "snli"])
    runnote.write(run.folder, " ")
    assert not (run.folder / "note.txt").exists()
    runnote.write(run.folder, "")


def test_what_others_have_written_there_is_shown_as_text(home: Path) -> None:
    run = finished_run()
    (run.folder / "note.txt").write_bytes(b"\xff\x1b[31m " + b"x" * 99_999 + b"\nmore")
    note = runnote.read(run.folder)
    assert note.startswith("\ufffd\ufffd[31m xxx")
    assert len(note) == runnote.MOST_CHARACTERS + 1


def test_what_cannot_be_kept_is_told(home: Path) -> None:
    run = finished_run()
    with pytest.raises(UserError, match="at most 500 characters"):
        runnote.write(run.folder, "x" * 501)
    (run.folder / "note.txt.partial").mkdir()
    with pytest.raises(UserError, match=r"note of done cannot be written: Is a directory\."):
        runnote.write(run.folder, "x")
