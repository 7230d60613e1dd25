"""What the lines of a result say, made of what they are given and of nothing that may change."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from stplay.errors import UserError
from stplay.evaluations import reference
from stplay.evaluations.evaluation import Evaluation
from stplay.evaluations.sidebyside import Contender
from stplay.evaluations.wrongtriplets import WrongTriplet, WrongTriplets
from stplay.screens.evaluate.accuracytable import MOST_COLUMNS
from stplay.screens.evaluate.figures import Figures, Found, Look, Wanted
from stplay.text import count, duration, printable

MOST_FAILED = 3


def evaluated(chosen: Sequence[Contender], evaluations: Sequence[Evaluation]) -> Content:
    """The models with their letters, where the figures are from, and which models failed."""
    summary = chosen[0].summary
    parts = []
    if len(chosen) <= MOST_COLUMNS:
        for contender in chosen:
            words = f"{contender.model.dimensions} dimensions"
            if contender.model.precision is not None:
                words += f", {printable(contender.model.precision)}"
            words += ", untrained" if contender.model.untrained else ""
            parts += [
                Content.assemble(
                    (contender.letter, "bold $primary"),
                    f" {printable(contender.model.name)} ",
                    (words, "dim"),
                )
            ]
    else:
        parts.append(Content(f"{len(chosen)} models"))
    facts = [", ".join(each.id for each in evaluations), printable(summary.device)]
    if any(split.synthetic for split in summary.splits):
        facts.append("synthetic data")
    if summary.truncate_dim:
        facts.append(f"first {count(summary.truncate_dim)} numbers")
    facts.append(f"✓ finished, {duration(summary.seconds)}")
    lines = [Content("   ").join(parts), Content.styled("   ".join(facts), "dim")]
    summaries = {contender.evaluation.id: contender.summary for contender in chosen}
    failed = [model for each in summaries.values() for model in each.models if model.error]
    lines += [
        Content.styled(f"✗ {printable(model.error or '')}", "$error")
        for model in failed[:MOST_FAILED]
    ]
    if more := len(failed[MOST_FAILED:]):
        lines.append(Content.styled(f"✗ and {count(more)} more models failed", "$error"))
    return Content("\n").join(lines)


def comparisons(look: Look, found: Found) -> Content:
    """Which of the models can be told apart."""
    lines = []
    if isinstance(found, Figures):
        lines = [Content(f"{words}, by {look.similarity}") for words in found.comparisons]
    elif found is None and 1 < len(look.contenders) <= MOST_COLUMNS:
        lines = [Content.styled("Comparing the models…", "dim")]
    if reference.published(look.rows.data, look.split):
        lines.append(Content.styled(f"* {reference.dot_note()}", "dim"))
    return Content("\n").join(lines)


def wrong_title(wanted: Wanted, wrong: WrongTriplets | None) -> Content:
    """What the list holds, and how many."""
    look, what = wanted.look, f"{wanted.contender.letter} wrong"
    if wanted.better is not None:
        what += f", {wanted.better.letter} right"
    number = count(len(wrong)) if wrong is not None else "…"
    parts: list[Content] = [
        Content.styled(f"{what}: {number}", "bold"),
        Content.styled(
            f" of {count(look.rows.rows)} on {printable(look.rows.label)}, by {look.similarity}",
            "dim",
        ),
    ]
    if wanted.text:
        parts.append(Content(f"   with “{printable(wanted.text)}”"))
    return Content("").join(parts)


def detail(wanted: Wanted, found: Found, triplet: WrongTriplet | None) -> Content:
    """The triplet under the cursor, or why there is none."""
    if isinstance(found, UserError):
        return Content.styled(f"✗ {found.sentence}", "$error")
    if found is None:
        label = printable(wanted.look.rows.label)
        return Content.styled(f"Reading the triplets and scores of {label}…", "dim")
    if triplet is None:
        return Content.styled(nothing_words(wanted), "dim")
    return Content("\n").join(
        [
            Content.assemble(
                ("anchor   ", "bold"),
                (f"{'row ' + count(triplet.row):>8} ", "dim"),
                printable(triplet.anchor),
            ),
            Content.assemble(
                ("positive ", "$success"),
                f"{triplet.positive_similarity:>8.3f} ",
                printable(triplet.positive),
            ),
            Content.assemble(
                ("negative ", "$error"),
                f"{triplet.negative_similarity:>8.3f} ",
                printable(triplet.negative),
            ),
        ]
    )


def nothing_words(wanted: Wanted) -> str:
    """What an empty list means."""
    if wanted.text:
        return "Nothing found."
    if wanted.better is not None:
        return f"{wanted.better.letter} is right on none of those {wanted.contender.letter} is not."
    return "No triplet is judged wrong here."
