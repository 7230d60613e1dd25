"""What is written for whoever comes next is true: rooms, paths and commands are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from checkout import ROOT

PAPERS = ("README.md", "CONTRIBUTING.md", "DECISIONS.md", "CHANGELOG.md", "docs/slurm.md")
OUTERMOST = ("stplay", "screens", "assets", "tests")


def rooms() -> set[str]:
    """The folders of modules as paths; of the tests, those that mirror no other."""
    folders = {path.parent for folder in OUTERMOST for path in (ROOT / folder).rglob("*.py")}
    found = {folder.relative_to(ROOT) for folder in folders}
    mirrors = {Path("tests", *(room.parts[room.parts[0] == "stplay" :])) for room in found}
    return {f"{room.as_posix()}/" for room in found if room == Path("tests") or room not in mirrors}


def map_of(text: str) -> dict[str, str]:
    """The rows of the table of rooms."""
    rows = re.findall(r"^\| `([^`]+)` \| (.*) \|$", text, re.MULTILINE)
    assert len(rows) == len(dict(rows)), "a room has two lines"
    return dict(rows)


def test_the_map_names_every_room_and_no_other() -> None:
    named = map_of((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    assert set(named) == rooms()
    assert all(named.values())


def test_the_picture_names_every_room_of_the_package() -> None:
    picture = (ROOT / "assets" / "design.svg").read_text(encoding="utf-8")
    drawn = {f"{Path(room).name}/" for room in rooms() if room.startswith(("stplay/", "screens/"))}
    assert {name for name in drawn - {"stplay/"} if f">{name}<" not in picture} == set()


@pytest.mark.parametrize("paper", PAPERS)
def test_paths_links_and_targets_are_there(paper: str) -> None:
    text = (ROOT / paper).read_text(encoding="utf-8")
    paths = re.findall(rf"(?<![\w/.-])(?:{'|'.join(OUTERMOST)})/[\w./-]*\w", text)
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    assert [path for path in (*paths, *links) if not (ROOT / path).exists()] == []
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"(?:`|^    )make (?:\w+=\S+ )?([a-z][\w-]*)", text, re.MULTILINE)
    assert [name for name in targets if f"\n{name}:" not in makefile] == []
