"""Zip archives that are sent while they are made, and are in memory only in pieces."""

import io
from typing import Any


class Pipe(io.RawIOBase):
    """What zipfile writes, to be taken piece by piece; it cannot go back."""

    def __init__(self) -> None:
        self.written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.written += data
        return len(data)

    def taken(self) -> bytes:
        piece, self.written = bytes(self.written), bytearray()
        return piece
