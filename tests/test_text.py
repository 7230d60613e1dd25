"""Text of other people is made safe, and numbers read as people write them."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from stplay.text import (
    MOST_DIGITS,
    MOST_MARKS,
    ascii_json,
    count,
    decimals,
    duration,
    moment,
    printable,
    printable_json,
    printable_lines,
    shortened,
    size,
    whole_number,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, [red]markup[/red] too", "plain, [red]markup[/red] too"),
        ("", ""),
        ("naïve 日本語 فارسی‌ها 👩\u200d👩\u200d👧", "naïve 日本語 فارسی‌ها 👩\u200d👩\u200d👧"),
        ("a\x1b[31mb", "a�[31mb"),
        ("a\x1b]0;title\x07b", "a�]0;title�b"),
        ("a\x9b31mb", "a�31mb"),
        ("a\bb\x00c\x7fd", "a�b�c�d"),
        ("a\nb\tc\rd", "a b c d"),
        ("a\u202eb\u2066c\u200ed", "a�b�c�d"),
        ("a\u2028b\u2029c\x85d", "a�b�c�d"),
        ("a\ufeffb\u00adc", "a�b�c"),
        ("a\udcffb", "a�b"),
    ],
)
def test_nothing_that_steers_a_terminal_is_shown(text: str, shown: str):
    assert printable(text) == shown
    printable(text).encode()


@pytest.mark.parametrize(
    "text",
    [
        "שָׁלוֹם בְּרֵאשִׁית",
        unicodedata.normalize("NFD", "Ệ, ǭ; 각하, 값없는"),
        "བསྒྲུབས",
        "ക്ഷേത്രം नमस्ते ทั้งนี้",
        "e" + "\u0301" * MOST_MARKS,
        "--------------------------------------- ………………………………",
        "日本語" * 1000,
    ],
)
def test_languages_are_shown_as_they_are(text: str):
    assert printable(text) == text


@pytest.mark.parametrize("sign", "\u0301\u20dd\u0489\u1161\u11a8\u200d\ufe0f")
@pytest.mark.parametrize("before", ["e", "日", ""])
def test_a_flood_of_combining_signs_is_cut(sign: str, before: str):
    shown = printable(before + sign * 5000 + "z")
    assert shown == before + sign * MOST_MARKS + "�" * (5000 - MOST_MARKS) + "z"


def test_lines_stay_lines():
    assert printable_lines("a\r\nb\rc\x1b\n\nd") == "a\nb c�\n\nd"


@pytest.mark.parametrize(
    "value",
    [
        "plain 日本語 👩\u200d👧",
        "\x7f\x85\x9b\u202e\u2028\U000e0041\x1b\n\t",
        "e" + "\u0301" * 40,
        ["\udcff", {"\u202e": 1}],
    ],
)
@pytest.mark.parametrize("ensure_ascii", [False, True])
def test_json_is_made_safe_and_means_the_same(value: object, ensure_ascii: bool):
    line = json.dumps([value, value], ensure_ascii=ensure_ascii, indent=1).replace("\n", "\r\n\t")
    safe = printable_json(line)
    assert printable_lines(safe) == safe
    assert ascii_json(safe).isascii()
    assert json.loads(safe) == json.loads(ascii_json(safe)) == [value, value]


def test_every_control_character_is_replaced():
    for code in [*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)]:
        shown = printable(f"a{chr(code)}b")
        assert len(shown) == 3
        assert unicodedata.category(shown[1]) in ("Zs", "So"), hex(code)


HUGE = [1e15, 1e16, -1e308, 1e308, math.inf, -math.inf, math.nan, 10**400, -(10**400), -1, -0.5]


@pytest.mark.parametrize("value", HUGE)
@pytest.mark.parametrize("words", [count, duration, size, moment, lambda value: decimals(value, 4)])
def test_any_number_is_told_in_a_few_characters(words: Callable[[float], str], value: float):
    assert 0 < len(words(value)) < 40


def test_a_moment():
    assert re.fullmatch(r"2023-11-1[45] \d\d:\d\d", moment(1.7e9))
    assert moment(None) == moment(0.0) == moment(1e308) == "-"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "-"), (0, "0"), (999, "999"), (6250, "6,250"), (1234567.6, "1,234,568")],
)
def test_count(value: float | None, shown: str):
    assert count(value) == shown


@pytest.mark.parametrize(
    ("value", "places", "shown"),
    [
        (None, 4, "-"),
        (0, 3, "0.000"),
        (0.8494, 3, "0.849"),
        (3.1, 4, "3.1000"),
        (0.00004, 4, "0.0000"),
        (12345.678, 2, "12,345.68"),
    ],
)
def test_decimals(value: float | None, places: int, shown: str):
    assert decimals(value, places) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-3, "0 s"),
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (125, "2 min 05 s"),
        (3599.7, "1 h 00 min"),
        (12_000, "3 h 20 min"),
        (86_400, "1 d 0 h"),
        (188_000, "2 d 4 h"),
    ],
)
def test_duration(seconds: float, shown: str):
    assert duration(seconds) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0 B"),
        (512, "512 B"),
        (1024, "1.0 KiB"),
        (3.2 * 2**20, "3.2 MiB"),
        (11.2 * 2**30, "11.2 GiB"),
        (5000 * 2**30, "4.9 TiB"),
        (5000 * 2**40, "5000.0 TiB"),
    ],
)
def test_size(value: float, shown: str):
    assert size(value) == shown


NAMES = [f"/home/someone/models/experiment-{name}/checkpoint-100" for name in "abc"]


@pytest.mark.parametrize("width", [12, 24, 40])
def test_long_names_stay_different(width: int) -> None:
    shown = shortened(NAMES, width)
    assert len(set(shown)) == 3
    assert all(cell_len(each) <= width for each in shown)
    assert [f"{name}/" in each for name, each in zip("abc", shown, strict=True)] == [True] * 3


@pytest.mark.parametrize(
    ("names", "width", "expected"),
    [
        (["run:few@100", "run:few@200"], 11, ["run:few@100", "run:few@200"]),
        (["a" * 30], 9, ["aaaa…aaaa"]),
        (NAMES[:2], 24, [f"…riment-{name}/checkpoint-100" for name in "ab"]),
        (["/x/one/two/a.b", "/x/one/two/a.c"], 6, ["/x…a.b", "/x…a.c"]),
        (
            ["模型" * 9 + "a" + "模型" * 9, "模型" * 9 + "b" + "模型" * 9],
            10,
            ["…a模…模型", "…b模…模型"],
        ),
        (["x\x1b[31m" * 3], 8, ["x\ufffd[…[31m"]),
        ([], 9, []),
        (["same", "same"], 3, ["s…e", "s…e"]),
    ],
)
def test_a_long_name_is_cut_where_that_leaves_what_differs(
    names: list[str], width: int, expected: list[str]
) -> None:
    assert shortened(names, width) == expected


@given(
    st.lists(st.text(st.sampled_from("ab/-模é\u0301"), max_size=40), unique=True, max_size=12),
    st.integers(6, 30),
)
def test_no_two_names_are_cut_to_the_same_text(names: list[str], width: int) -> None:
    shown = shortened(names, width)
    assert len(set(shown)) == len(names)
    assert all(cell_len(each) <= width for each in shown)


@pytest.mark.parametrize("text", ["1", "1000", "007", "9" * MOST_DIGITS])
def test_a_whole_number_that_a_person_typed(text: str) -> None:
    assert whole_number(text) == int(text)


@pytest.mark.parametrize(
    "text", ["", "0", "-1", "+1", "1e3", "1_000", " 1", "٣", "²", "1.0", "9" * 16, "9" * 5000, "00"]
)
def test_what_is_no_whole_number_is_none(text: str) -> None:
    assert whole_number(text) is None
