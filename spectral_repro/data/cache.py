"""Decoded images on disk: checked when read, rebuilt when the source has changed, written whole or not at all."""

import contextlib
import hashlib
import io
import json
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from spectral_repro.errors import UserError
from spectral_repro.files import set_aside, write_atomically


def cached(
    folder: Path,
    name: str,
    base: Path,
    files: Sequence[Path],
    options: dict,
    decode: Callable[[], Sequence[np.ndarray]],
) -> list[np.ndarray]:
    """The arrays of ``decode()``, from ``folder`` if they were made there from these very ``files``.

    The source counts as unchanged if the paths below ``base``, sizes and modification times of all files
    are the same. A cache that does not match its checksum is set aside and built again.
    """
    path = folder / f"{name}-{fingerprint(base, files, options)}.npz"
    if path.exists():
        try:
            return _read(path)
        except Exception as damaged:
            moved = set_aside(path)
            warnings.warn(f"{path}: damaged cache ({damaged}); set aside as {moved.name}, decoding again", stacklevel=2)
    arrays = list(decode())
    buffer = io.BytesIO()
    np.savez(buffer, *arrays, checksum=np.array(digest(arrays)))
    try:
        write_atomically(path, buffer.getbuffer())
    except UserError as error:  # for instance a read-only folder that several people share
        warnings.warn(f"{error}; the images are decoded again the next time", stacklevel=2)
    return arrays


def fingerprint(base: Path, files: Sequence[Path], options: dict) -> str:
    """16 hex digits over the paths below ``base``, sizes and modification times of ``files``."""
    total = hashlib.sha256(json.dumps(options, sort_keys=True).encode())
    for path in files:
        stat = path.stat()
        total.update(f"{path.relative_to(base)}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode())
    return total.hexdigest()[:16]


def remembered(path: Path, compute: Callable[[], str]) -> str:
    """The 16 hex digits in ``path``, or else those of ``compute()``, which are kept there where that is possible."""
    with contextlib.suppress(OSError, ValueError):
        known = path.read_text(encoding="ascii")
        if len(bytes.fromhex(known)) == 8:
            return known
    known = compute()
    with contextlib.suppress(UserError):  # for instance a read-only folder that several people share
        write_atomically(path, known.encode())
    return known


def _read(path: Path) -> list[np.ndarray]:
    with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as stored:
        arrays = [stored[f"arr_{i}"] for i in range(len(stored.files) - 1)]
        if str(stored["checksum"]) != digest(arrays):
            raise ValueError("the checksum does not match")
    return arrays


def digest(arrays: Sequence[np.ndarray]) -> str:
    """SHA-256 over shapes, types and contents."""
    total = hashlib.sha256()
    for array in arrays:
        total.update(f"{array.dtype.str}{array.shape}".encode())
        total.update(np.ascontiguousarray(array).data.cast("B"))
    return total.hexdigest()
