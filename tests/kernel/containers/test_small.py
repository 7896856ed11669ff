"""The zygote stays small, and so do the shims."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.kernel.containers.conftest import Instance

ROOT = str(Path(__file__).parents[3])
PACKAGES = {
    "abi", "cgroups", "config", "dialogue", "errors",
    "events", "isolation", "kernel", "oci", "shim", "spec",
    "state",
}  # fmt: skip
STANDARD = {
    "__future__", "_abc", "_ast", "_array", "_bisect", "_blake2", "_bootlocale", "_codecs",
    "_collections", "_collections_abc", "_contextvars", "_ctypes", "_datetime", "_functools",
    "_heapq", "_imp", "_io", "_json", "_locale", "_opcode", "_operator", "_random", "_signal",
    "_socket", "_sre", "_stat", "_string", "_struct", "_thread", "_tokenize", "_typing",
    "_warnings", "_weakref", "_weakrefset", "abc", "array", "ast", "base64", "binascii",
    "builtins", "codecs", "collections", "contextlib", "copyreg", "ctypes", "dataclasses", "dis",
    "encodings", "enum", "errno", "fcntl", "functools", "gc", "genericpath", "importlib",
    "inspect", "io", "itertools", "json", "keyword", "linecache", "marshal", "math", "opcode",
    "operator", "os", "posix", "posixpath", "re", "reprlib", "resource", "select", "selectors",
    "signal", "socket", "stat", "string", "struct", "sys", "textwrap", "time", "token",
    "termios", "tokenize", "traceback", "types", "typing", "warnings", "weakref", "winreg",
    "zipimport", "copy", "_frozen_importlib", "_frozen_importlib_external", "__main__",
    "_opcode_metadata", "_suggestions", "_colorize",
}  # fmt: skip


def test_the_zygote_loads_what_it_needs_and_no_more() -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import runtime.shim.daemon; "
        "print('\\n'.join(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-E", "-I", "-c", code, ROOT],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = done.stdout.split()
    ours = {name.split(".")[1] for name in loaded if name.startswith("runtime.")}
    others = {name.split(".")[0] for name in loaded} - {"runtime"}

    assert ours <= PACKAGES
    assert others - STANDARD == set()
    assert len(loaded) < 220


def test_a_shim_dirties_little_memory(instance: Instance) -> None:
    started = [instance.run("sleep 60") for _ in range(4)]
    dirty = sorted(private_dirty(instance.shim(record.id)) for record in started)

    assert dirty[-1] < 4_500


def private_dirty(pid: int) -> int:
    """Kilobytes that only this process has and wrote (proc_pid_smaps(5))."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Private_Dirty:"):
            return int(line.split()[1])
    raise AssertionError("the kernel tells nothing")
