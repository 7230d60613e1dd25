"""Event logs with any value in any field, made from the types of the events themselves."""

from __future__ import annotations

import base64
import json
from typing import Any, TypeVar, get_args

import msgspec.inspect as inspect
from hypothesis import given, settings
from hypothesis import strategies as st

from stplay.jobs.events import Event, KnownEvent

Example = TypeVar("Example")

EVENTS: tuple[type[Event], ...] = get_args(KnownEvent)

STEERING = "\x1b]52;c;aGk=\x07\x9b31m\u202e\u2028[red]e" + "\u0301" * 40

TEXTS = ("", " ", "dev", "training", "encoding with a", "checkpoints/a", STEERING)

# As they stand in the file, since not all of them are JSON.
WILD = [
    "1e308", "-1e308", "1e-308", "1e400", "-1e400", "NaN", "Infinity", "-Infinity", "-0.0", "1.5",
    "-1", "-2", "0", "1", "256", str(1 << 31), str(1 << 53), str((1 << 53) + 1), str(1 << 64),
    "9" * 400, "9" * 5000, "null", "true", "[]", "{}", "[" * 5000 + "]" * 5000, "[" * 100_000,
    '{"a":' * 500 + "1" + "}" * 500, '""', '" "', '"' + "x" * 70_000 + '"', json.dumps(STEERING),
    '"\\ud800"', '"completed"', '"training"', '"encoding with "', '"../../x"', '"/etc"',
    '"C:\\\\x"', '"a/../../b"', '"a\\n/../b"', '"\\u0000"',
]  # fmt: skip

wild = st.sampled_from(WILD)


def allowed(kind: inspect.Type) -> st.SearchStrategy[str]:
    """Values that a type of msgspec's takes, those at its bounds among them, as JSON."""
    match kind:
        case inspect.IntType():
            return _number(kind, (-1, 0, 1, 3, 100, 1 << 53))
        case inspect.FloatType():
            return _number(kind, (0.0, 1e-300, 0.5, 1.0, 1e9, 1.7e9, 1e30, 1e308, -1.0, -1e308))
        case inspect.StrType(max_length=most):
            long = "x" * min(most or 0, 1 << 20)
            return st.sampled_from([json.dumps(text) for text in (*TEXTS, long)])
        case inspect.BytesType(max_length=most):
            whole, long = "ADwAAAAAAH4=", base64.b64encode(b"x" * min(most or 0, 1 << 12)).decode()
            return st.sampled_from(["", whole, long]).map(json.dumps)
        case inspect.BoolType():
            return st.sampled_from(["true", "false"])
        case inspect.NoneType():
            return st.just("null")
        case inspect.LiteralType(values=values):
            return st.sampled_from([json.dumps(value) for value in values])
        case inspect.UnionType(types=kinds):
            return st.one_of([allowed(each) for each in kinds])
        case inspect.DictType(value_type=of):
            return st.lists(
                st.tuples(st.sampled_from(["train", "", "\x1b"]), allowed(of)), max_size=2
            ).map(_object)
        case inspect.ListType(item_type=of):
            return st.lists(allowed(of), max_size=2).map(lambda items: f"[{','.join(items)}]")
        case inspect.StructType(cls=cls):
            return struct(cls)
        case inspect.AnyType():
            return st.sampled_from(["1", "null", "{}", '[1,{"a":[]}]'])
    raise AssertionError(f"no values for {kind}")


def _number(
    kind: inspect.IntType | inspect.FloatType, values: tuple[float, ...]
) -> st.SearchStrategy[str]:
    bounds = [bound for bound in (kind.ge, kind.le) if bound is not None]
    low = kind.ge if kind.ge is not None else kind.gt if kind.gt is not None else -1e309
    high = kind.le if kind.le is not None else kind.lt if kind.lt is not None else 1e309
    return st.sampled_from([*bounds, *(each for each in values if low <= each <= high)]).map(
        json.dumps
    )


def _object(pairs: Any) -> str:
    return "{" + ",".join(f"{json.dumps(name)}:{value}" for name, value in pairs) + "}"


@st.composite
def struct(draw: st.DrawFn, cls: type, wildness: float = 0.0) -> str:
    """A struct as JSON; a share of the fields, ``wildness`` of them, may have any value."""
    kind = inspect.type_info(cls)
    assert isinstance(kind, inspect.StructType)
    pairs = [(kind.tag_field, json.dumps(kind.tag))] if kind.tag_field else []
    for field in kind.fields:
        if not field.required and draw(st.booleans()):
            continue
        if wildness and draw(st.floats(0, 1)) < wildness:
            pairs.append((field.encode_name, draw(wild)))
        else:
            pairs.append((field.encode_name, draw(allowed(field.type))))
    return _object(pairs)


def line(wildness: float) -> st.SearchStrategy[bytes]:
    """One line of a log."""
    events = st.sampled_from(EVENTS).flatmap(lambda cls: struct(cls, wildness))
    newer = wild.map(lambda value: f'{{"type":"Newer","time":{value}}}')
    odd = st.sampled_from([b"\xff\xfe", b"", b"   ", b"{", b"null", b'"x"'])
    return (events | events | events | newer | wild).map(str.encode) | odd


# Half of the logs have no value out of bounds, so that what is at the bounds comes through.
logs = st.sampled_from([0.0, 0.0, 0.15]).flatmap(
    lambda wildness: st.lists(line(wildness), min_size=1, max_size=14).map(
        lambda lines: b"\n".join(lines) + b"\n"
    )
)


def examples(strategy: st.SearchStrategy[Example], number: int) -> list[Example]:
    """The same ``number`` examples each time, for tests that cannot be called again and again."""
    found: list[Example] = []

    @settings(max_examples=number, derandomize=True, database=None, deadline=None)
    @given(strategy)
    def collect(example: Example) -> None:
        found.append(example)

    collect()
    return found
