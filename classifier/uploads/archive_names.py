"""The names of files in a zip archive, which seldom says in what encoding they are.

The standard knows the old encoding of IBM and, where a flag is set, UTF-8. Finder and Info-ZIP
write UTF-8 without the flag, and Windows the encoding of its region.
"""

import re
import unicodedata
import zipfile
import zlib
from collections.abc import Sequence
from typing import Final

UTF8_FLAG: Final = 0x800
# Info-ZIP's field with the name in UTF-8, beside the name in the encoding of the system.
UNICODE_PATH: Final = 0x7075
WESTERN: Final = ("cp437", "cp850")
REGIONAL: Final = (
    "cp932", "gb18030", "cp949", "big5", "cp866", "cp1251", "cp1252", "cp1250", "cp852",
)  # fmt: skip
# More text than this makes the guess no better.
EVIDENCE_BYTES: Final = 4_000
# The detector forms no opinion on a few letters; it forms one on the same letters repeated.
REPEATED: Final = 4


def true_names(infos: Sequence[zipfile.ZipInfo]) -> list[str]:
    """The name of each entry with its folders, as far as that can be known."""
    unsaid = [_raw(info) for info in infos if not _said(info)]
    encoding = _encoding(b"\n".join(unsaid))
    return [_said(info) or _raw(info).decode(encoding, "replace") for info in infos]


def _said(info: zipfile.ZipInfo) -> str:
    """The name where the archive says how it is encoded, else empty."""
    if info.flag_bits & UTF8_FLAG or info.orig_filename.isascii():
        return info.orig_filename
    # The name in Info-ZIP's field, unless the entry was renamed since it was written.
    extra = info.extra
    while len(extra) >= 4:
        kind, size = int.from_bytes(extra[:2], "little"), int.from_bytes(extra[2:4], "little")
        field, extra = extra[4 : 4 + size], extra[4 + size :]
        if kind == UNICODE_PATH and field[1:5] == zlib.crc32(_raw(info)).to_bytes(4, "little"):
            return field[5:].decode("utf-8", "replace")
    return ""


def _raw(info: zipfile.ZipInfo) -> bytes:
    """What zipfile has read as IBM's encoding, in which each byte is a character."""
    return info.orig_filename.encode("cp437", "replace")


def _encoding(names: bytes) -> str:
    """What all of these names are most likely encoded in."""
    if _decodes(names, "utf-8"):
        return "utf-8"
    for encoding in WESTERN:
        if _is_western(names.decode(encoding)):
            return encoding
    return _guessed(names)


def _decodes(text: bytes, encoding: str) -> bool:
    try:
        text.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _is_western(text: str) -> bool:
    """Whether all beyond ASCII are Latin letters, as German, French and Spanish strew them in."""
    return all(
        len(foreign) <= 2 and all("LATIN" in unicodedata.name(char, "") for char in foreign)
        for foreign in re.findall(r"[^\x00-\x7f]+", text)
    )


def _guessed(text: bytes) -> str:
    from charset_normalizer import from_bytes

    evidence = text
    if len(text) > EVIDENCE_BYTES:
        # Whole names: half a character would rule its encoding out.
        evidence = text[:EVIDENCE_BYTES].rpartition(b"\n")[0]
    matches = from_bytes(
        b"\n".join([evidence] * REPEATED),
        cp_isolation=list(REGIONAL),
        threshold=1.0,
        language_threshold=0.0,
        preemptive_behaviour=False,
    )
    best = matches.best()
    return best.encoding if best and _decodes(text, best.encoding) else WESTERN[0]
