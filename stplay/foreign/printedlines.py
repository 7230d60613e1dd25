"""What single lines of a Trainer's output tell: progress, figures, evaluations, failures."""

from __future__ import annotations

import re
from typing import NamedTuple

from stplay.foreign.cells import NUMBER, name_of, number, told

MOST_LINE = 1 << 16

ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b.")
_BAR = re.compile(
    r"\s*(?:(?P<label>[^|{}]{1,200}?):\s+)?\d{1,3}%\|[^|]{0,400}\|\s*"
    r"(?P<done>\d{1,15})/(?P<total>\d{1,15})\s*\[(?P<elapsed>\d+(?::\d\d){1,2})<[^\]]{0,200}\]?"
)
_PAIR = re.compile(
    rf"""(['"])(?P<name>[^'"\n]{{1,400}})\1\s*:\s*"""
    rf"""(?P<quote>['"]?)(?P<value>{NUMBER})(?P=quote)\s*(?=[,}}])""",
    re.IGNORECASE,
)
_LOGGED = {"loss", "eval_loss", "train_loss", "train_runtime", "eval_runtime"}
_RANK = re.compile(r"^\[(?:default|rank)\d+\]:\s?")
_LOGGER = re.compile(r"^(?:[^{}]{0,300} - )?(?:(?:INFO|WARNING):[\w.]+:)?\s*")
_EVALUATION = re.compile(
    r"Evaluat(?:ing|ion)(?: of)? the model on (?:the )?(?P<data>.{0,200}?) ?dataset"
    r"(?: (?:in|after) epoch (?P<epoch>[-\d.eE]{1,30}))?"
    r"(?: after (?P<steps>\d{1,15}) steps)?\s*:?\s*$"
)
_FIGURE = re.compile(
    rf"(?P<name>[A-Za-z][\w@ .\-]{{0,100}}?)\s*:\s*(?P<value>{NUMBER})(?P<percent>\s?%)?"
    r"(?=[\s,;)]|$)",
    re.IGNORECASE,
)
_LABEL = re.compile(r"(?P<label>[A-Za-z][\w@ .\-]{0,100}?)\s*:\s+(?=[A-Za-z])")
_SCORES = re.compile(r"Score-Function:\s*(?P<name>[\w.\- ]{1,100})\s*$")
_SIZES = {"Queries", "Corpus"}
_CANCELLED = re.compile(
    r"slurmstepd: error: .{0,300}?\b(?:CANCELLED|DUE TO|oom|exceeded)\b.*", re.IGNORECASE
)
_LAST_WORD = re.compile(r"[A-Za-z_][\w.]{0,200}(?::\s.*|:?)$")
TRACEBACK = "Traceback (most recent call last):"


class PrintedBar(NamedTuple):
    """A progress bar; ``rest`` is what stands behind it on its line."""

    label: str
    done: int
    total: int
    elapsed: float
    rest: str


class PrintedEvaluation(NamedTuple):
    """The head of what an evaluator logs."""

    data: str
    epoch: float | None
    step: int | None


def cleaned(line: str) -> str:
    """A line without what steers a terminal, and without the number of its process."""
    return _RANK.sub("", ANSI.sub("", line))


def bar_of(line: str) -> PrintedBar | None:
    """The progress bar that ``line`` begins with."""
    if "%|" not in line or (found := _BAR.match(line)) is None:
        return None
    seconds = 0
    for part in found["elapsed"].split(":"):
        seconds = seconds * 60 + int(part[:9])
    label = (found["label"] or "").strip()
    return PrintedBar(
        label, int(found["done"]), int(found["total"]), float(seconds), line[found.end() :]
    )


def figures_of(line: str) -> dict[str, float] | None:
    """What a line of a Trainer, such as ``{'loss': 0.5, 'epoch': 0.1}``, tells by name."""
    begin, end = line.find("{"), line.rfind("}")
    if begin < 0 or end < begin:
        return None
    figures = {}
    for found in _PAIR.finditer(line[begin : end + 1]):
        if (value := number(found["value"])) is not None:
            figures[name_of(found["name"])] = value
    measured = figures.keys() - {"epoch"}
    return figures if measured and ("epoch" in figures or figures.keys() & _LOGGED) else None


def is_whole(line: str) -> bool:
    """Whether nothing is missing of a line that has no end yet."""
    text = cleaned(line)
    return bar_of(text) is not None or figures_of(text) is not None


def evaluation_of(line: str) -> PrintedEvaluation | None:
    """The evaluation that ``line`` says is begun."""
    if "the model on" not in line or (found := _EVALUATION.search(line)) is None:
        return None
    epoch = number(found["epoch"] or "")
    steps = found["steps"]
    data = name_of(found["data"])
    known = epoch is not None and epoch >= 0 and told(epoch) is not None
    return PrintedEvaluation(data, epoch if known else None, int(steps) if steps else None)


def measured_by(line: str, scores: str) -> dict[str, float] | None:
    """What a line of an evaluator tells; ``scores`` names the similarity that is at work."""
    text = _LOGGER.sub("", line, count=1).strip()
    found = list(_FIGURE.finditer(text))
    if not found:
        return None
    label = _LABEL.match(text)
    first = label["label"] if label and label.end() <= found[0].start("name") else ""
    figures: dict[str, float] = {}
    for at, each in enumerate(found):
        name = " ".join(
            filter(None, (first if at == 0 or first else found[0]["name"], each["name"]))
        )
        if at == 0 and not first:
            name = each["name"]
        if each["name"] in _SIZES or (value := number(each["value"])) is None:
            continue
        percent = " (%)" if each["percent"] else ""
        figures[name_of(f"{f'{scores} ' if scores else ''}{name}{percent}")] = value
    return figures


def scores_of(line: str) -> str | None:
    """The similarity that the figures after ``line`` are of."""
    found = _SCORES.search(line)
    return None if found is None else name_of(found["name"])


def cancelled_by(line: str) -> str | None:
    """What Slurm says where it has ended the job."""
    found = _CANCELLED.search(line)
    return None if found is None else found[0]


def is_last_word(line: str) -> bool:
    """Whether ``line`` is the one that a traceback ends with."""
    found = _LAST_WORD.match(line)
    return found is not None and not line[:1].isspace()
