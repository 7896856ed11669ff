"""Start real containers from a tiny busybox tree, straight through isolation and cgroups."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from glob import glob
from pathlib import Path
from typing import Any

from runtime.cgroups import cgroup as cgroups
from runtime.cgroups.layout import detect_all
from runtime.isolation import launch, sharing
from runtime.isolation.launch import Launched
from runtime.isolation.namespaces import Space, make_space
from runtime.isolation.plan import JoinSpec, LaunchPlan, plan_launch
from runtime.oci.bundle import Bundle, Resources

BUSYBOX = "/bin/busybox"
ID_BASE = 310_000_000
PASSWD = "root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n"
GROUP = "root:x:0:\nalice:x:1000:\nweb:x:33:alice\n"


def make_layer(layer: Path) -> Path:
    """Write a root file system: busybox with all its applets, passwd, group, a script."""
    for name in ("bin", "etc", "home/alice", "root", "tmp"):
        (layer / name).mkdir(parents=True)
    layer.chmod(0o755)
    (layer / "tmp").chmod(0o1777)
    os.chown(layer / "home/alice", 1000, 1000)
    shutil.copy(BUSYBOX, layer / "bin/busybox")
    applets = subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True, check=True)
    for applet in applets.stdout.split():
        if applet != "busybox":
            (layer / "bin" / applet).symlink_to("busybox")
    (layer / "etc/passwd").write_text(PASSWD)
    (layer / "etc/group").write_text(GROUP)
    return layer


@dataclass
class Box:
    """One running container and all that belongs to it."""

    launched: Launched
    space: Space
    cgroup: cgroups.Cgroup
    output: int
    closed: bool = field(default=False)

    def read(self) -> str:
        """Return everything it prints until its last process ends."""
        chunks = []
        while chunk := os.read(self.output, 65_536):
            chunks.append(chunk)
        return b"".join(chunks).decode(errors="replace")

    def wait(self) -> int:
        """Return its exit code, negative for a signal."""
        return os.waitstatus_to_exitcode(os.waitpid(self.launched.pid, 0)[1])

    def join(self, *args: str, **options: Any) -> tuple[int, str]:
        """Run a further command in it; returns exit code and output."""
        reader, writer = os.pipe2(os.O_CLOEXEC)
        nothing = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
        spec = JoinSpec(args=args, **({"id_base": ID_BASE} | options))
        try:
            joined = launch.join(
                self.launched.pidfd, spec, stdio=(nothing, writer, writer), cgroup=self.cgroup
            )
        except BaseException:
            os.close(reader)
            raise
        finally:
            os.close(writer)
            os.close(nothing)
        with os.fdopen(reader) as told:
            text = told.read()
        code = os.waitstatus_to_exitcode(os.waitpid(joined.pid, 0)[1])
        os.close(joined.pidfd)
        return code, text

    def close(self) -> None:
        """Kill it and give everything back."""
        self.cgroup.kill()
        try:
            os.waitpid(self.launched.pid, 0)
        except ChildProcessError:
            pass
        os.close(self.launched.pidfd)
        os.close(self.output)
        self.space.close()
        self.cgroup.remove()


FREEZER = "/sys/fs/cgroup/freezer"


class Lab:
    """Makes boxes; `layer` is the image, `group` the cgroup that all of them lie in."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.layer = make_layer(directory / "layer")
        self.group = f"moorage-test-{os.getpid()}"
        # The parent of all groups stays until `close`, so it is there before the first test counts.
        cgroups.create(f"{self.group}/first", Resources(), layout=detect_all()).remove()
        for mount in glob(f"{FREEZER}/"):  # not among the hierarchies where v2 freezes
            os.makedirs(f"{mount}{self.group}", exist_ok=True)
        self._count = 0

    def bundle(self, *args: str, **options: Any) -> Bundle:
        """Return a bundle with a fresh upper directory."""
        self._count += 1
        state = self.directory / f"state-{self._count}"
        for name in ("upper", "work"):
            (state / name).mkdir(parents=True)
        (state / "upper").chmod(0o755)
        plain: dict[str, Any] = {
            "id": f"box-{self._count}",
            "args": args,
            "env": (),
            "cwd": "/",
            "user": "",
            "hostname": "box",
            "lower": (str(self.layer),),
            "state_dir": str(state),
            "id_base": ID_BASE,
            "cgroup": f"{self.group}/box-{self._count}",
            "resources": Resources(pids=100),
        }
        return Bundle(**(plain | options))

    def launch(
        self,
        bundle: Bundle,
        *,
        space: Space | None = None,
        alter: Callable[[LaunchPlan], LaunchPlan] | None = None,
    ) -> Box:
        """Launch a bundle; on failure nothing is kept. `alter` may take a guard out of its plan."""
        cgroup = cgroups.create(bundle.cgroup, bundle.resources)
        kinds = sharing.own(bundle.host_namespaces)
        space = space or make_space(bundle.id_base, kinds=kinds)
        reader, writer = os.pipe2(os.O_CLOEXEC)
        nothing = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
        try:
            stdio = (nothing, writer, writer)
            if alter is None:
                launched = launch.launch(bundle, space=space, cgroup=cgroup, stdio=stdio)
            else:
                plan = plan_launch(bundle, view=cgroup.view, machine=os.uname().machine)
                launched = launch.carry_out(alter(plan), space=space, cgroup=cgroup, stdio=stdio)
        except BaseException:
            os.close(reader)
            space.close()
            cgroup.remove()
            raise
        finally:
            os.close(writer)
            os.close(nothing)
        return Box(launched, space, cgroup, reader)

    @contextmanager
    def box(self, *args: str, **options: Any) -> Iterator[Box]:
        """Run a container for the length of a `with`."""
        box = self.launch(self.bundle(*args, **options))
        try:
            yield box
        finally:
            box.close()

    def run(self, *args: str, **options: Any) -> tuple[int, str]:
        """Run a container to its end; returns exit code and output."""
        with self.box(*args, **options) as box:
            return self.finish(box)

    def shell(self, script: str, **options: Any) -> str:
        """Run a shell script in a container; returns the output, whatever the exit code."""
        return self.run("/bin/sh", "-c", script, **options)[1].strip()

    @staticmethod
    def finish(box: Box) -> tuple[int, str]:
        """Return output and exit code of a box that ends by itself."""
        text = box.read()
        return box.wait(), text

    def close(self) -> None:
        """Remove the directories and the cgroup that the boxes lay in."""
        shutil.rmtree(self.directory)
        for parent in (
            *glob(f"/sys/fs/cgroup/{self.group}"),
            *glob(f"/sys/fs/cgroup/*/{self.group}"),
        ):
            os.rmdir(parent)


def until(condition: Any, *, seconds: float = 10.0) -> None:
    """Wait till `condition()` holds; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)
