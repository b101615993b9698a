"""What `keep_freed_memory` changes in a process, and where it leaves malloc alone."""

import json
import os
import platform
import subprocess
import sys
import types

import pytest

import tfseq

# A block of 40 MiB, larger than any that glibc keeps of its own accord, is taken and given back.
PROGRAM = """
import ctypes, json, pathlib, resource
{imports}
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
def resident():
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20
done = {call}
before = resident()
block = libc.malloc(ctypes.c_size_t(40 * 2**20))
ctypes.memset(ctypes.c_void_p(block), 1, 40 * 2**20)
libc.free(block)
print(json.dumps([done, resident() - before > 20]))
"""
CALL = "__import__('tfseq').keep_freed_memory()"
glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")


def outcome(call, imports="", **variables):
    """What a call returned in a process of its own, and whether freed memory stayed there."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MALLOC_")}
    environment.pop("GLIBC_TUNABLES", None)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(call=call, imports=imports)],
        env={**environment, **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return json.loads(done.stdout)


@glibc
def test_freed_memory_stays():
    assert outcome("None") == [None, False]
    assert outcome(CALL) == [True, True]


@pytest.mark.slow
@glibc
def test_the_scripts_do_it_and_an_import_of_the_library_does_not():
    script = "run(object, lambda options: None, lambda: None)"
    assert outcome(script, "from tfseq.options.command_line import run") == [None, True]
    assert outcome("None", "import tfseq.runs") == [None, False]


@glibc
@pytest.mark.parametrize(
    "variable",
    [
        {"MALLOC_MMAP_THRESHOLD_": "65536"},
        {"MALLOC_TRIM_THRESHOLD_": "65536"},
        {"GLIBC_TUNABLES": "glibc.malloc.trim_threshold=65536"},
    ],
)
def test_what_a_person_has_set_is_left_alone(variable):
    assert outcome(CALL, **variable) == [False, False]


def no_library(_):
    raise OSError("no such library")


@pytest.mark.parametrize(
    "load",
    [
        no_library,
        lambda _: types.SimpleNamespace(gnu_get_libc_version=pytest.fail),
        lambda _: types.SimpleNamespace(mallopt=pytest.fail),
    ],
    ids=["no library", "without mallopt", "not glibc"],
)
def test_nothing_happens_where_the_c_library_is_another(monkeypatch, load):
    monkeypatch.setattr("tfseq.options.freed_memory.ctypes.CDLL", load)
    for name in [name for name in os.environ if name.startswith("MALLOC_")]:
        monkeypatch.delenv(name)
    assert tfseq.keep_freed_memory() is False
