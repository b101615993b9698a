"""Reading memory-mapped arrays without holding more than a little of them in memory."""

import mmap

import numpy as np

# A read maps not one page but all those round it that the file system keeps together, which may
# be megabytes. So what counts is how far apart the places are that are read between releases.
_SPAN_BYTES = 1 << 24


def read_windows(array: np.ndarray, starts: np.ndarray, length: int) -> np.ndarray:
    """Return `array[start : start + length]` for each start, as rows.

    From a memory-mapped array the windows are read in the order of their places, and the pages
    of each stretch of 16 MiB are released before the next one is read. What is no array gives its
    windows itself.
    """
    if not isinstance(array, np.ndarray):
        return array.windows(starts, length)
    windows = np.lib.stride_tricks.sliding_window_view(array, length)
    if _mapping(array) is None:
        return windows[starts]
    rows = np.empty([len(starts), length], array.dtype)
    order = np.argsort(starts)
    stretch = starts[order] // (_SPAN_BYTES // array.itemsize)
    for part in np.split(order, np.flatnonzero(np.diff(stretch)) + 1):
        rows[part] = windows[starts[part]]
        release_pages(array)
    return rows


def release_pages(array: np.ndarray) -> None:
    """Let the system take back the memory through which a memory-mapped array was read.

    Pages of a file that were touched count as this process's memory until they are given back.
    The system's file cache still holds them. Other arrays are left alone.
    """
    mapping = _mapping(array)
    if mapping is not None:
        mapping.madvise(mmap.MADV_DONTNEED)


def _mapping(array: np.ndarray) -> mmap.mmap | None:
    """The mapping of a file that an array is a view of, if its pages can be released: those of a
    copy-on-write mapping cannot, for what was changed would be lost.
    """
    while isinstance(array.base, np.ndarray):
        array = array.base
    if isinstance(array.base, mmap.mmap) and not isinstance(array, np.memmap):
        return array.base  # Of `map_shards`.
    if isinstance(array, np.memmap) and array.mode != "c" and hasattr(mmap, "MADV_DONTNEED"):
        return array.base
    return None
