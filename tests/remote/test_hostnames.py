"""Which names mean another machine, which never do, and which hosts the configuration names."""

from __future__ import annotations

from pathlib import Path

import pytest
from runsondisk import create

from stplay.errors import UserError
from stplay.remote.hostnames import configured_hosts, remote_place


@pytest.fixture(autouse=True)
def configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / ".ssh"
    (folder / "more").mkdir(parents=True)
    (folder / "config").write_text(
        "# Host commented\nInclude more/*.conf missing\nhost gpu-box *.example.org !no other # it\n"
        'Host="quoted box"\n  HostName nowhere\nHost = equal\nHost "open\nHost -oProxyCommand=x\n'
        "Match host matched\nInclude config\n"
    )
    (folder / "more" / "a.conf").write_text("Host included\n\tHost gpu-box\n")


def test_hosts_are_those_that_the_configuration_names() -> None:
    assert configured_hosts() == ["included", "gpu-box", "other", "equal"]


@pytest.mark.parametrize(
    ("name", "destination", "path"),
    [
        ("gpu-box:runs/x", "gpu-box", "runs/x"),
        ("jo@gpu-box.example.org:/data/a b", "jo@gpu-box.example.org", "/data/a b"),
        ("gpu-box:it's a\nrun;$(x)", "gpu-box", "it's a\nrun;$(x)"),
        ("gpu-box:~/runs/x", "gpu-box", "runs/x"),
        ("gpu-box:~", "gpu-box", "."),
        ("gpu-box", "gpu-box", ""),
        ("unknown:", "unknown", ""),
        ("jo@unknown", "jo@unknown", ""),
        ("[::1]:x", "[::1]", "x"),
        ("ssh://jo@gpu-box:2222/data/x", "ssh://jo@gpu-box:2222", "/data/x"),
        ("ssh://gpu-box/~/x", "ssh://gpu-box", "x"),
        ("ssh://gpu-box", "ssh://gpu-box", ""),
        ("x:relative", "x", "relative"),
    ],
)
def test_names_of_other_machines(name: str, destination: str, path: str) -> None:
    assert remote_place(name) == (destination, path)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "",
            "-",
            "unknown",
            "org/model",
            "org/model@main",
            "run:x",
            "builtin:tiny",
            "C:\\runs\\x",
        ),
        *("c:/runs/x", "C:", "./gpu-box:x", "/a:b", "~/a:b", "slurm-1.out", "a/b:c"),
    ],
)
def test_what_is_no_name_of_another_machine(name: str) -> None:
    assert remote_place(name) is None


def test_a_file_here_is_no_other_machine(tmp_path: Path) -> None:
    for name in ("gpu-box:log", "gpu-box"):
        (tmp_path / name).write_text("it is here")
        assert remote_place(name) is None


def test_a_run_here_is_no_other_machine(home: Path) -> None:
    assert remote_place("gpu-box") == ("gpu-box", "")
    create("gpu-box")
    assert remote_place("gpu-box") is None
    assert remote_place("gpu-box:") == ("gpu-box", "")


@pytest.mark.parametrize(
    "name",
    [
        *("-oProxyCommand=touch x:path", "-oProxyCommand=x@host:path", "ssh://-oProxyCommand=x/y"),
        *("-box:", "a$(touch x):path", "a;b:path", "a\x1b[31m:path", "`x`@host:path", "jo@-x:p"),
    ],
)
def test_a_name_that_is_no_host_is_refused(name: str) -> None:
    with pytest.raises(UserError, match=r"looks like an option|is not the name of a host"):
        remote_place(name)


def test_a_path_has_no_zero_byte() -> None:
    with pytest.raises(UserError, match="zero byte"):
        remote_place("gpu-box:a\0b")
