"""Windows read from memory-mapped files: the same values, and memory that does not grow."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfseq.data import mapped

PEAKS = """
import resource, sys
import numpy as np
from tfseq.data import evaluation_windows, random_windows, sequential_windows

for path in sys.argv[1:]:
    ids = np.memmap(path, np.uint8, mode="r")
    for windows in (random_windows, sequential_windows, evaluation_windows):
        windows(ids, 256, 250).reduce(0, lambda number, *_: number + 1)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@settings(max_examples=30, deadline=None)
@given(data=st.data(), length=st.integers(1, 8), dtype=st.sampled_from([np.uint8, np.uint32]))
def test_windows_of_a_mapped_file_in_any_order(tmp_path_factory, data, length, dtype):
    path = tmp_path_factory.mktemp("mapped") / "ids"
    ids = np.random.default_rng(0).integers(0, 256, 100).astype(dtype)
    ids.tofile(path)
    starts = np.array(data.draw(st.lists(st.integers(0, len(ids) - length), min_size=1)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mapped, "_SPAN_BYTES", 16)
        rows = mapped.read_windows(np.memmap(path, dtype, mode="r"), starts, length)
    assert rows.tolist() == [ids[start : start + length].tolist() for start in starts]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere memory is counted otherwise")
def test_peak_memory_does_not_grow_with_the_file(tmp_path):
    small, large = tmp_path / "small", tmp_path / "large"
    np.zeros(4 << 20, np.uint8).tofile(small)
    np.zeros(96 << 20, np.uint8).tofile(large)
    command = [sys.executable, "-c", PEAKS, small, large]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    before, after = map(int, done.stdout.split())
    assert after - before < 60
