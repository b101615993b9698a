"""Freed memory that stays with the process, for programs that allocate the same again and again."""

import ctypes
import os

# The numbers of glibc's settings (malloc.h). Values are C ints.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3


def keep_freed_memory() -> bool:
    """Let this process keep the memory that it frees, to use it again; Linux with glibc.

    Left alone, glibc gives large freed blocks back to the kernel and takes them again a moment
    later, and every page of them is then cleared and faulted in anew, in every training step. The
    price is that what one phase of a program has freed is not there for other processes.

    Call it at the start of a program, before TensorFlow is loaded; the scripts in `pipelines/` do.
    It does nothing, and returns False, where malloc has been configured from outside, by a variable
    `MALLOC_…_` or in `GLIBC_TUNABLES`, and where the C library is not glibc, as on macOS.

    >>> import tfseq
    >>> tfseq.keep_freed_memory() in (True, False)
    True
    """
    configured = any(name.startswith("MALLOC_") and name.endswith("_") for name in os.environ)
    if configured or "glibc.malloc." in os.environ.get("GLIBC_TUNABLES", ""):
        return False
    try:
        library = ctypes.CDLL(None)
        # Other libraries have a `mallopt` of the same name with other numbers.
        mallopt, _ = library.mallopt, library.gnu_get_libc_version
    except (AttributeError, OSError, TypeError):
        return False
    mallopt.argtypes, mallopt.restype = [ctypes.c_int, ctypes.c_int], ctypes.c_int
    # Smaller blocks than this are never mapped one by one, to be unmapped when they are freed.
    # An older glibc takes no more than 32 MiB.
    mapped = mallopt(_MMAP_THRESHOLD, 2**30) or mallopt(_MMAP_THRESHOLD, 2**25)
    # The end of a heap is given back only if it is larger than this.
    trimmed = mallopt(_TRIM_THRESHOLD, 2**31 - 1)
    # A heap grows by so much more than it needs. With 64 MiB, the peak of work on large texts grows
    # by a tenth, and no page fewer is faulted in.
    padded = mallopt(_TOP_PAD, 2**24)
    return bool(mapped and trimmed and padded)
