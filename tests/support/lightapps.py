"""What all apps of the tests do alike is half of their time: it is done once, or not at all."""

from __future__ import annotations

from lazystrips import make_caches_late
from parsedstyles import parse_all_once
from samplerowsread import read_the_sample_once
from unpainted import paint_nothing


def make_apps_light() -> None:
    """Have the apps of this process spend less on what no test looks at."""
    parse_all_once()
    make_caches_late()
    paint_nothing()
    read_the_sample_once()
