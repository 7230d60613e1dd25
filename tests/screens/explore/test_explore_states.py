"""Explore: what is awaited is told, and no figure stands under the title of another."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from exploring import arrangement_of, exploring, map_title, shown
from piloting import eventually, playground_of, text_of
from textual.pilot import Pilot
from widemodel import make_wide_model

from stplay.encoding.client import Encoder
from stplay.encoding.encoded import Encoded
from stplay.encoding.protocol import ModelFacts
from stplay.screens.app import StplayApp
from stplay.screens.explore.arrangement import Arrangement
from stplay.screens.explore.explorescreen import ExploreScreen
from stplay.screens.explore.perspective import Perspective
from stplay.screens.explore.playground import Playground
from stplay.screens.explore.sentenceeditor import Sentence

pytestmark = pytest.mark.usefixtures("warm_home")

MINILM, TINY = "builtin:minilm", "builtin:tiny"
SLOW = [f"number {number} " + "and some more words " * 45 for number in range(24)]
TEACHING = "Type sentences, one a line"


async def explore(pilot: Pilot[None], sentences: list[str], model: str | None) -> Playground:
    """The playground as soon as it is there; nothing need have answered."""
    screen = pilot.app.screen
    assert isinstance(screen, ExploreScreen)
    screen.show_sentences(sentences, model)
    await eventually(pilot, lambda: bool(pilot.app.screen.query(Playground)))
    return pilot.app.screen.query_one(Playground)


async def told_until_there(pilot: Pilot[None], playground: Playground) -> set[str]:
    """All that the matrix, the map and the selection told until sentences were in view."""
    told: set[str] = set()

    def there() -> bool:
        if not playground.grids:
            playground.answers.map._lay_out()
            told.update({text_of(pilot, ".matrix-title"), text_of(pilot, "#pair")})
            told.add(playground.answers.map.shown.title)
        return bool(playground.grids)

    await eventually(pilot, there, seconds=90)
    return told - {""}


async def test_what_is_typed_is_awaited_and_never_asked_for() -> None:
    """Once "Type sentences, one a line" stood beside thirty sentences while they were encoded."""
    app = StplayApp("explore")
    async with app.run_test(size=(120, 40)) as pilot:
        playground = await explore(pilot, SLOW, MINILM)
        told = await told_until_there(pilot, playground)
        assert told
        assert all("24 sentences" in words for words in told), told
        playground.editor.text = ""
        await eventually(pilot, lambda: not playground.grids)
        assert TEACHING in text_of(pilot, ".matrix-title")
        assert TEACHING in playground.answers.map.shown.title
        playground.editor.text = "\n".join(sentence[::-1] for sentence in SLOW)
        await pilot.pause()
        told = await told_until_there(pilot, playground)
        assert "encoding 24 sentences with builtin:minilm" in told
        assert not any(TEACHING in words for words in told), told


async def test_a_first_model_that_fails_is_told_where_the_matrix_would_be(tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    app = StplayApp("explore")
    async with app.run_test(size=(120, 40)) as pilot:
        playground = await explore(pilot, ["a cat", "a dog"], str(tmp_path / "broken"))
        await eventually(pilot, lambda: "✗" in text_of(pilot, "#notice"), seconds=90)
        title = text_of(pilot, ".matrix-title")
        assert title == "2 sentences to encode; choose a model (m)."
        playground.models.open(MINILM)
        await playground_of(pilot)
        await eventually(pilot, lambda: bool(playground.grids))


async def test_the_best_at_hand_says_why_and_what_was_asked_for_does_not() -> None:
    app = StplayApp("explore")
    async with app.run_test(size=(120, 40)) as pilot:
        playground = await playground_of(pilot)
        assert playground.models.slots[0].name == MINILM
        why = "best at hand: no finished run on real data is here"
        assert text_of(pilot, "#notice") == why
        playground.models.open(TINY)
        await eventually(pilot, lambda: text_of(pilot, "#model").startswith(TINY), seconds=60)
        assert "untrained" in text_of(pilot, "#notice")
        assert "at hand" not in text_of(pilot, "#notice")


async def test_while_a_model_is_loaded_all_figures_are_of_those_in_view(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Once slot 2's answers were shown and saved under the new model of slot 1 meanwhile."""
    wide = str(make_wide_model(tmp_path_factory.mktemp("models") / "wide"))
    known = {}
    for name in (MINILM, TINY, wide):
        encoder = Encoder(name)
        known[name] = (await encoder.encode(SLOW)).embeddings
        await encoder.close()

    async with exploring(SLOW) as (pilot, playground):
        seen: set[tuple[str, ...]] = set()

        def assert_labelled() -> None:
            arrangement = arrangement_of(playground)
            names = [answer.model for answer in arrangement.answers]
            seen.add(tuple(names))
            for answer in arrangement.answers:
                np.testing.assert_allclose(answer.embeddings, known[answer.model], atol=1e-5)
            exported = arrangement.exported
            assert exported.encoded.model == names[0]
            assert len(arrangement.titles) == len(arrangement.grids)
            assert text_of(pilot, "#model").startswith(names[0])
            assert arrangement.vector(playground.pair[0]).model == names[0]
            if len(names) == 2:
                assert arrangement.titles[:2] == names
                assert arrangement.titles[2].startswith(arrangement.perspective.metric)
                assert f" {names[1]}" in text_of(pilot, "#pair")

        def answers(*names: str) -> bool:
            assert_labelled()
            return bool(seen) and [one.model for one in arrangement_of(playground).answers] == list(
                names
            )

        playground.models.open(wide, 1)
        await eventually(pilot, lambda: answers(MINILM, wide), seconds=90)
        await pilot.press("escape")
        playground.models.open(TINY)
        while playground.models.slots[0].name != TINY:
            await pilot.pause()
            assert_labelled()
        # TINY is loaded and has not answered: other ways to look at what is there.
        await pilot.press("d", "o", "right_square_bracket", "d", "right_square_bracket")
        await eventually(pilot, lambda: answers(TINY, wide), seconds=90)
        await eventually(pilot, lambda: playground.grids[0].low < 0)
        assert seen == {(MINILM,), (MINILM, wide), (TINY, wide)}


async def test_neighbours_are_looked_for_in_what_the_same_model_encoded(tmp_path: Path) -> None:
    """Once a new model's sentence was looked for among the embeddings of the old one."""
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("a cat\na dog\n" + "word " * 300 + "\n", encoding="utf-8")
    async with exploring(["a cat"]) as (pilot, playground):
        playground.answers.load_corpus(str(corpus), None)
        await eventually(pilot, lambda: "by builtin:minilm" in text_of(pilot, "#neighbours"))
        assert "! 1 longer than the model reads" in text_of(pilot, "#corpus-cost")
        assert "3! word word" in text_of(pilot, "#neighbours")
        playground.models.open(TINY)
        await eventually(
            pilot, lambda: "by builtin:tiny" in text_of(pilot, "#neighbours"), seconds=60
        )
        assert playground.answers.corpus.facts is not None
        assert playground.answers.corpus.facts.model == TINY
        playground.action_next_metric()
        await eventually(pilot, lambda: "dot by builtin:tiny" in text_of(pilot, "#neighbours"))
        playground.editor.text = ""
        await eventually(pilot, lambda: "Type a sentence" in text_of(pilot, "#neighbours"))
        playground.answers.load_corpus(str(tmp_path / "none.txt"), None)
        await eventually(pilot, lambda: "none.txt" in text_of(pilot, "#notice"))
        assert "not encoded" in text_of(pilot, "#corpus-cost")
        assert not text_of(pilot, "#neighbours")


async def test_what_was_not_read_is_marked_and_leaves_with_the_matrix(tmp_path: Path) -> None:
    """Two long texts that differ after the last token read are "1.0000" without a word."""
    long = "word " * 300
    async with exploring(["word", long + "end", long + "other"]) as (pilot, playground):
        assert playground.grids[0].values[1, 2] == 1
        assert text_of(pilot, "#notice").startswith(
            "! 2 sentences (2, 3) were cut after 254 tokens; 47 more of each were not read"
        )
        names = [line[:3] for line in shown(playground) if "word" in line]
        assert names == [" 1 ", " 2!", " 3!"]
        await pilot.press("escape", "down")
        assert "2! word" in text_of(pilot, "#pair")
        arrangement_of(playground).exported.save(str(tmp_path / "m.json"))
        saved = json.loads((tmp_path / "m.json").read_text())
        assert (saved["model"], saved["tokens"], saved["cut"]) == (
            MINILM,
            [1, 254, 254],
            [0, 47, 47],
        )
        assert "[47 tokens not read] |" in arrangement_of(playground).exported.markdown()
        arrangement_of(playground).exported.save(str(tmp_path / "m.svg"))
        assert ">2! word" in (tmp_path / "m.svg").read_text()
        await pilot.press("Y")
        await eventually(pilot, lambda: pilot.app.clipboard.startswith("sentence,word"))
        (told,) = [notice.message for notice in pilot.app._notifications]
        assert told.startswith("Copied the matrix as CSV. 2 sentences (2, 3) were cut")
        await pilot.press("v")
        await eventually(pilot, lambda: "principal" in map_title(playground))
        assert playground.answers.map.shown.names[1].startswith("2! word")
        playground.models.open(TINY, 1)  # reads 128 tokens or fewer of the others
        await eventually(pilot, lambda: len(playground.grids) == 3, seconds=60)
        assert playground.grids[2].cut == playground.grids[0].cut | playground.grids[1].cut


def test_an_arrangement_takes_no_answer_to_other_sentences() -> None:
    facts = ModelFacts("mine", None, 2, None, "cosine", False, "cpu", False)
    answer = Encoded(facts, ["a"], np.eye(1, 2, dtype=np.float32), [["a"]], [0], 0.0)
    assert Arrangement.of([Sentence(4, "a")], [answer], Perspective()).titles == ["cosine"]
    with pytest.raises(ValueError, match="to other sentences"):
        Arrangement.of([Sentence(1, "b")], [answer], Perspective())
