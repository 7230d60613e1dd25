"""A run on another machine in the app, over a real sshd: all of its panes, its keys, its link."""

from __future__ import annotations

import subprocess

import pytest
from piloting import caught_up, eventually, settle, text_of
from probedrun import probed_run
from runsondisk import STARTED, create, start_worker, write
from sshserver import SshServer
from terminal import Terminal
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, RichLog

from stplay.runs.run import Run
from stplay.screens.app import StplayApp
from stplay.screens.shared.dialog import Choice
from stplay.screens.shared.prompt import Prompt
from stplay.screens.train.chart import Chart
from stplay.screens.train.foreigntable import ForeignTable
from stplay.screens.train.probespane import ProbesPane
from stplay.screens.train.runview import RunView, TrainingTable
from stplay.screens.train.stopquestion import StopQuestion


async def watch(pilot: Pilot[None], name: str) -> None:
    """Name a place in the dialog of the key f."""
    pilot.app.screen.set_focus(None)
    await pilot.press("f")
    await eventually(pilot, lambda: isinstance(pilot.app.screen, Prompt))
    pilot.app.screen.query_one(Input).value = name
    await pilot.press("enter")


async def view_of(pilot: Pilot[None], run: str) -> RunView:
    def shown() -> bool:
        views = pilot.app.screen.query(RunView)
        return any(view.remote and view.remote.id == run and caught_up(view) for view in views)

    await eventually(pilot, shown)
    return pilot.app.screen.query_one(RunView)


def told(app: StplayApp) -> str:
    return " ".join(each.message for each in app._notifications)


def make_there(server: SshServer, patch: pytest.MonkeyPatch) -> tuple[Run, Run]:
    with patch.context() as there:
        there.setenv("STPLAY_HOME", str(server.home))
        done, going = probed_run(steps=5), create("going")
    (done.folder / "worker.log").write_text("printed \x1b[31mthere\n")
    return done, going


async def test_a_run_there_is_shown_as_one_of_ours(
    ssh_server: SshServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, going = make_there(ssh_server, monkeypatch)
    app = StplayApp()
    async with app.run_test(size=(140, 40)) as pilot:
        await settle(pilot)
        await watch(pilot, "gpu-box:")
        await eventually(pilot, lambda: isinstance(app.screen, Choice))
        options = app.screen.query_one(OptionList)
        assert [str(option.prompt) for option in options.options] == ["going", "done"]
        await pilot.press("down", "enter")
        view = await view_of(pilot, "done")
        await eventually(pilot, lambda: "gpu-box  connected, " in text_of(pilot, "#link"))
        assert view.query_one(TrainingTable).row_count == 5
        assert any(chart.display for chart in view.query(Chart))
        await pilot.press("p")
        probes = view.query_one(ProbesPane)
        await eventually(pilot, lambda: len(probes.probes.matrices) == 5)
        await pilot.press("l")
        log = view.query_one(RichLog)
        await eventually(pilot, lambda: any("there" in line.text for line in log.lines))
        assert all("\x1b" not in line.text for line in log.lines)
        working = {each.binding.action for each in app.screen.active_bindings.values()}
        assert not working & {"extend", "again", "delete", "evaluate", "explore"}
        assert not app._notifications or "done" not in told(app), "it ended long ago"

        worker = start_worker(going)
        write(going, STARTED)
        await watch(pilot, f"gpu-box:{going.folder}")
        view = await view_of(pilot, "going")
        await eventually(pilot, lambda: view.job_log.status == "running")
        await pilot.press("s")
        await eventually(pilot, lambda: isinstance(app.screen, StopQuestion))
        await pilot.click("#now")
        await eventually(pilot, lambda: "only watched: no stplay is found there" in told(app))
        ssh_server.stop()
        await eventually(pilot, lambda: "link lost" in text_of(pilot, "#link"))
        ssh_server.install_stplay()
        ssh_server.start()
        await watch(pilot, "gpu-box:going")
        await eventually(pilot, lambda: bool(view.remote and view.remote.view.stplay))
        await eventually(pilot, lambda: view.job_log.status == "running")
        await pilot.press("s")
        await eventually(pilot, lambda: isinstance(app.screen, StopQuestion))
        await pilot.click("#now")
        await eventually(pilot, lambda: view.job_log.status == "stopped")
        assert worker.wait() == 130
        printed = ssh_server.folder / "slurm-1.out"
        printed.write_text("{'loss': 0.5, 'epoch': 0.1}\n{'loss': 0.25, 'epoch': 0.2}\n")
        await watch(pilot, f"gpu-box:{printed}")
        table = view.query_one(ForeignTable)
        await eventually(pilot, lambda: table.display and table.row_count == 2)
        assert "gpu-box  " in text_of(pilot, "#link")
        await watch(pilot, "gpu-box:nowhere")
        await eventually(pilot, lambda: "There is no run nowhere on gpu-box" in told(app))
        await watch(pilot, "-oProxyCommand=x:y")
        await eventually(pilot, lambda: "looks like an option of ssh" in told(app))


def test_a_passphrase_is_asked_for_in_the_terminal(
    ssh_server: SshServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_there(ssh_server, monkeypatch)
    key = ssh_server.folder / "key"
    command = ["ssh-keygen", "-q", "-p", "-P", "", "-N", "open sesame", "-f", str(key)]
    subprocess.run(command, check=True)
    with Terminal(size=(120, 40)) as terminal:
        terminal.wait_for("First rows")
        terminal.type("f")
        terminal.wait_for("on another machine, through ssh")
        terminal.type("gpu-box:done\r")
        terminal.wait_for("Enter passphrase for key")
        terminal.type("open sesame\r")
        text = terminal.wait_for(lambda text: "connected" in text and "✓ finished" in text)
        assert "open sesame" not in text
