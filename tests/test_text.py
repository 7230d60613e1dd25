"""Text of other people is made safe, and numbers read as people write them."""

from __future__ import annotations

import unicodedata

import pytest

from stplay.text import count, decimals, duration, printable, size


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


def test_every_control_character_is_replaced():
    for code in [*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)]:
        shown = printable(f"a{chr(code)}b")
        assert len(shown) == 3
        assert unicodedata.category(shown[1]) in ("Zs", "So"), hex(code)


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
