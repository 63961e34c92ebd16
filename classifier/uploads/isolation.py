"""Decodes in a process of its own, which may take so much time and memory and no more.

A few of these run at the same time on the whole machine, however many web processes there are.
"""

import fcntl
import logging
import os
import resource
import signal
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from django.conf import settings
from PIL import Image

from classifier.uploads.readers import decode
from classifier.uploads.readers.decoded import Decoded
from classifier.uploads.refusals import UploadRejected

CPU_SECONDS: Final = 1.5
MEMORY_BYTES: Final = 380 * 2**20
# Much longer than CPU_SECONDS, for a machine on which much else runs.
WAIT_SECONDS: Final = 60
SLOTS: Final = 2
POLL_SECONDS: Final = 0.01
STRIP_BYTES: Final = 4 * 2**20

# Children are forked from a process without threads that has loaded the decoders once; the web
# process itself loads none of them.
PROCESSES: Final = get_context("forkserver")
READERS: Final = ("jpeg", "jpeg2000", "png", "raster", "tiff", "dicom", "webp", "heif")
PROCESSES.set_forkserver_preload(
    [
        # A child runs the imports of the program again that its web process was started by.
        *("__main__", "gunicorn.app.wsgiapp"),
        *(__name__, *(f"classifier.uploads.readers.{name}" for name in READERS)),
    ]
)


def decode_isolated(data: bytes, *, max_pixels: int, frame: int | None) -> Decoded:
    """As `readers.decode`, bounded. Raises UploadRejected."""
    with _slot(settings.VAR_DIR / "decoding"):
        receiver, sender = PROCESSES.Pipe(duplex=False)
        child = PROCESSES.Process(target=_serve, args=(sender, data, max_pixels, frame))
        child.start()
        # Only the child holds this end now, so that the pipe ends when the child does.
        sender.close()
        try:
            with receiver:
                return _received(receiver)
        except (EOFError, OSError) as error:
            raise UploadRejected("too_heavy") from error
        finally:
            child.kill()
            child.join()


@contextmanager
def _slot(folder: Path) -> Iterator[None]:
    """Holds one of the places for a decoding process; raises UploadRejected after a long wait.

    The lock goes with its process, however that ends.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    give_up = time.monotonic() + WAIT_SECONDS
    with ExitStack() as stack:
        places = [stack.enter_context((folder / f"{n}.lock").open("w")) for n in range(SLOTS)]
        while not any(_is_taken(place.fileno()) for place in places):
            if time.monotonic() > give_up:
                raise UploadRejected("busy")
            time.sleep(POLL_SECONDS)
        yield


def _is_taken(place: int) -> bool:
    try:
        fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _received(pipe: Connection) -> Decoded:
    """Raises EOFError where the process ended without an answer, or gave none in time."""
    _wait(pipe)
    code, details, mode, size, format, warnings = pipe.recv()
    if code:
        raise UploadRejected(code, **details)
    pixels = Image.new(mode, size)
    row = 0
    while row < pixels.height:
        _wait(pipe)
        values = pipe.recv_bytes()
        rows = len(values) // (pixels.width * len(pixels.getbands()))
        pixels.paste(Image.frombytes(mode, (pixels.width, rows), values), (0, row))
        row += rows
    return Decoded(pixels, format, warnings)


def _wait(pipe: Connection) -> None:
    if not pipe.poll(WAIT_SECONDS):
        raise EOFError


def _serve(pipe: Connection, data: bytes, max_pixels: int, frame: int | None) -> None:
    """The child's whole life."""
    # What decoders complain about would bring a file's metadata into the log.
    logging.disable()
    warnings.simplefilter("ignore")
    _limit_itself()
    try:
        decoded = decode(data, max_pixels=max_pixels, frame=frame)
    except UploadRejected as refusal:
        pipe.send((refusal.code, refusal.details, "", (0, 0), "", ()))
        return
    pixels = decoded.pixels
    pipe.send(("", {}, pixels.mode, pixels.size, decoded.format, decoded.warnings))
    rows = max(1, STRIP_BYTES // (pixels.width * len(pixels.getbands())))
    for row in range(0, pixels.height, rows):
        strip = pixels.crop((0, row, pixels.width, min(row + rows, pixels.height)))
        pipe.send_bytes(strip.tobytes())


def _limit_itself() -> None:
    """At the limit of time the process ends, and at that of memory it gets a MemoryError."""
    signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
    # Where there is no such file, as on macOS, the system does not enforce this limit either.
    with suppress(FileNotFoundError):
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * os.sysconf("SC_PAGE_SIZE") + MEMORY_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
