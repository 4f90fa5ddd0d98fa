"""How the process's allocator treats the large temporaries of a training step."""

import ctypes
import functools
import sys

#: glibc's names in malloc.h, and the greatest size that it lets live on the heap.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _HEAP_LIMIT = -1, -3, 32 * 2**20


@functools.cache
def keep_freed_memory() -> None:
    """Lets glibc keep freed blocks up to 32 MiB instead of returning them to the system.

    A step frees what the next one takes again, and every page that comes anew from the system costs a fault:
    microseconds on a virtual machine, a tenth of a step of ten networks at N2 = 500. Does nothing where there is
    no glibc.
    """
    if sys.platform != "linux":
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):  # another C library
        return
    mallopt(_M_MMAP_THRESHOLD, _HEAP_LIMIT)
    mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
