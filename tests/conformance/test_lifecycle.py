"""The operations of runtime.md: what they do, what they refuse. The same for every runtime."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.kernel.lab import until
from tests.kernel.runtimes import Runtime

pytestmark = pytest.mark.kernel


def test_a_container_goes_from_created_over_running_to_stopped(runtime: Runtime) -> None:
    bundle = runtime.bundle("/bin/sleep", "1000", annotations={"a.b": "c"})

    box = runtime.create(bundle)
    created = runtime.state(box)
    runtime("start", box)
    running = runtime.status(box)
    runtime("kill", box, "KILL")
    until(lambda: runtime.status(box) == "stopped")
    runtime("delete", box)

    assert (created["id"], created["status"], created["bundle"]) == (box, "created", str(bundle))
    assert created["annotations"] == {"a.b": "c"}
    assert running == "running"
    assert runtime("state", box, check=False).code != 0


def test_nothing_of_the_command_runs_before_start(runtime: Runtime) -> None:
    bundle = runtime.bundle("/bin/touch", "/was-here")

    box = runtime.create(bundle)
    before = (bundle / "rootfs/was-here").exists()
    runtime("start", box)

    assert before is False
    until((bundle / "rootfs/was-here").exists)


def test_what_is_not_created_cannot_be_started(runtime: Runtime) -> None:
    box = runtime.create(runtime.bundle("/bin/sleep", "1000"))
    runtime("start", box)

    again = runtime("start", box, check=False)
    unknown = runtime("start", "no-such-box", check=False)

    assert again.code != 0
    assert unknown.code != 0


def test_what_runs_cannot_be_deleted_unless_forced(runtime: Runtime) -> None:
    box = runtime.create(runtime.bundle("/bin/sleep", "1000"))
    runtime("start", box)

    refused = runtime("delete", box, check=False)
    still = runtime.status(box)
    runtime("delete", "--force", box)

    assert (refused.code != 0, still) == (True, "running")
    assert runtime("state", box, check=False).code != 0


def test_an_id_is_taken_once(runtime: Runtime) -> None:
    bundle = runtime.bundle("/bin/sleep", "1000")
    box = runtime.create(bundle)

    again = runtime("create", "--bundle", str(bundle), box, check=False)

    assert again.code != 0
    assert runtime.status(box) == "created"


def test_what_has_stopped_cannot_be_signalled(runtime: Runtime) -> None:
    box = runtime.create(runtime.bundle("/bin/true"))
    runtime("start", box)
    until(lambda: runtime.status(box) == "stopped")

    refused = runtime("kill", box, "TERM", check=False)

    assert refused.code != 0


def test_a_signal_is_delivered_by_name_and_by_number(runtime: Runtime) -> None:
    script = "trap 'echo hup >> /told' HUP; trap 'echo usr1 >> /told' USR1; touch /up;"
    bundle = runtime.bundle("/bin/sh", "-c", f"{script} while :; do sleep 0.05; done")
    box = runtime.create(bundle)
    runtime("start", box)
    until((bundle / "rootfs/up").exists)

    runtime("kill", box, "SIGHUP")
    told = bundle / "rootfs/told"
    until(lambda: told.exists() and told.read_text() == "hup\n")
    runtime("kill", box, "10")

    until(lambda: told.read_text() == "hup\nusr1\n")


def test_run_has_the_exit_code_of_its_process(runtime: Runtime) -> None:
    assert runtime.run(runtime.bundle("/bin/sh", "-c", "exit 7"), check=False).code == 7


def test_run_passes_stdio_on(runtime: Runtime, tmp_path: Path) -> None:
    (tmp_path / "in").write_text("from outside")
    script = "cat; echo ' and back'; echo wrong >&2"

    with (tmp_path / "in").open() as stdin:
        bundle = runtime.bundle("/bin/sh", "-c", script)
        done = runtime("run", "--bundle", str(bundle), runtime.name(), stdin=stdin)

    assert done.out == "from outside and back\n"
    assert "wrong" in done.err


def test_the_pid_file_names_the_first_process(runtime: Runtime, tmp_path: Path) -> None:
    file = tmp_path / "pid"

    box = runtime.create(runtime.bundle("/bin/sleep", "1000"), "--pid-file", str(file))

    assert int(file.read_text()) == runtime.state(box)["pid"]


def test_the_command_must_be_there_when_it_is_created(runtime: Runtime) -> None:
    box = runtime.name()

    done = runtime("create", "--bundle", str(runtime.bundle("/bin/not-there")), box, check=False)

    assert done.code != 0
    assert "no such file" in done.err.lower()
    assert runtime("state", box, check=False).code != 0


def test_hooks_of_the_runtime_run_in_order(runtime: Runtime) -> None:
    log = runtime.directory / f"hooks-{runtime.name()}"
    kinds = ("prestart", "createRuntime", "createContainer", "poststart", "poststop")
    hooks = {
        kind: [
            {
                "path": "/bin/sh",
                "args": ["sh", "-c", f"cat > /dev/null; echo {kind} $A >> {log}"],
                "env": ["A=b"],
            }
        ]
        for kind in kinds
    }
    box = runtime.create(runtime.bundle("/bin/true", hooks=hooks))
    created = log.read_text()
    runtime("start", box)
    started = log.read_text()
    until(lambda: runtime.status(box) == "stopped")
    runtime("delete", box)

    early = ["poststart b"] if runtime.program == "runc" else []  # runc 1.1 runs them in create
    assert created.splitlines() == ["prestart b", "createRuntime b", "createContainer b", *early]
    assert started.splitlines()[3:] == ["poststart b"]
    assert log.read_text().splitlines()[4:] == ["poststop b"]


def test_hooks_are_told_the_state(runtime: Runtime) -> None:
    told = runtime.directory / "told"
    hooks = {"createRuntime": [{"path": "/bin/sh", "args": ["sh", "-c", f"cat > {told}"]}]}

    box = runtime.create(runtime.bundle("/bin/true", hooks=hooks))

    state = json.loads(told.read_text())
    assert (state["id"], state["pid"]) == (box, runtime.state(box)["pid"])


def test_start_container_hooks_run_inside(runtime: Runtime) -> None:
    script = "hostname > /seen; exit 0"
    hooks = {
        "startContainer": [{"path": "/bin/sh", "args": ["sh", "-c", script], "env": ["PATH=/bin"]}]
    }
    bundle = runtime.bundle("/bin/cat", "/seen", hooks=hooks, hostname="inside")

    assert runtime.run(bundle).out == "inside\n"


def test_a_create_whose_hook_fails_leaves_nothing(runtime: Runtime) -> None:
    hooks = {"createRuntime": [{"path": "/bin/false"}]}
    box = runtime.name()

    done = runtime(
        "create", "--bundle", str(runtime.bundle("/bin/true", hooks=hooks)), box, check=False
    )

    assert done.code != 0
    assert runtime("state", box, check=False).code != 0
    assert not [name for name in os.listdir(runtime.root) if name == box]


def test_list_names_what_there_is(runtime: Runtime) -> None:
    box = runtime.create(runtime.bundle("/bin/sleep", "1000"))

    table = runtime("list").out
    listed = json.loads(runtime("list", "--format", "json").out)

    assert any(line.startswith(box) and "created" in line for line in table.splitlines())
    assert [(one["id"], one["status"]) for one in listed if one["id"] == box] == [(box, "created")]


def test_the_template_runs(runtime: Runtime) -> None:
    made = runtime.bundle("/bin/true")
    (made / "config.json").unlink()
    runtime("spec", cwd=made)
    config = json.loads((made / "config.json").read_text())
    config["process"] |= {"terminal": False, "args": ["/bin/sh", "-c", "echo $$"]}
    (made / "config.json").write_text(json.dumps(config))

    assert runtime.run(made).out == "1\n"
