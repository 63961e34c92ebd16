"""Zip files as people and attackers make them."""

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping

import pytest

from classifier.uploads.archives import MAXIMUM_DIRECTORY_BYTES, Archive
from classifier.uploads.refusals import UploadRejected
from tests.factories import png

LIMIT = 10**6


def zipped(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> io.BytesIO:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer


def opened(file: io.BytesIO, *, max_images: int = 10, max_total_bytes: int = LIMIT) -> Archive:
    return Archive(file, max_images=max_images, max_total_bytes=max_total_bytes)


def refusal(file: io.BytesIO, **limits: int) -> str:
    with pytest.raises(UploadRejected) as rejected:
        opened(file, **limits)
    return rejected.value.code


def entry_refusal(archive: Archive, max_bytes: int = LIMIT) -> str:
    with pytest.raises(UploadRejected) as rejected:
        archive.open(archive.entries[0], max_bytes=max_bytes)
    return rejected.value.code


def paths(file: io.BytesIO) -> list[str]:
    return [entry.path for entry in opened(file).entries]


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_files_are_read_with_the_folders_that_they_lie_in(method: int) -> None:
    files = {"patient1/001.png": png(), r"patient2\001.png": png(9, 9), "c.txt": b"text"}
    archive = opened(zipped(files, method))
    assert [entry.path for entry in archive.entries] == [
        "patient1/001.png", "patient2/001.png", "c.txt",
    ]  # fmt: skip
    contents = [archive.open(entry, max_bytes=LIMIT).read() for entry in archive.entries]
    assert contents == list(files.values())


def test_no_path_leads_out_of_the_archive() -> None:
    names = ["/etc/a.png", "../../b.png", r"C:\scans\c.png", f"{'x' * 300}/d.png"]
    assert paths(zipped(dict.fromkeys(names, b"x"))) == [
        "etc/a.png", "b.png", "scans/c.png", f"{'x' * 249}/d.png",
    ]  # fmt: skip


def test_what_systems_add_is_left_out_and_not_counted() -> None:
    litter = {
        "a/": b"",
        "__MACOSX/._a.png": b"x",
        "b/__MACOSX/a.png": b"x",
        "a/.DS_Store": b"x",
        "a/Thumbs.db": b"x",
        "DESKTOP.INI": b"x",
        "my__MACOSX/a.png": png(),
    }
    archive = opened(zipped(litter), max_images=1)
    assert [entry.path for entry in archive.entries] == ["my__MACOSX/a.png"]


class RawInfo(zipfile.ZipInfo):
    """An entry whose name is written byte by byte, without the flag for UTF-8."""

    raw: bytes

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:
        return self.raw, self.flag_bits & ~0x800


def named(names: list[bytes], extra: bytes = b"") -> io.BytesIO:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number, name in enumerate(names):
            info = RawInfo(str(number))
            info.raw, info.extra = name, extra
            archive.writestr(info, png())
    return buffer


@pytest.mark.parametrize(
    ("encoding", "name"),
    [
        ("utf-8", "Patiënt 1/Ünï 血 {}.png"),
        ("utf-8", "Pra\u0308parat Gro\u0308ße {}.jpg"),
        ("cp437", "Müller/Präparat Größe {}.png"),
        ("cp850", "À gauche/échantillon {}.png"),
        ("cp932", "表示_血球{}.png"),
        ("cp936", "血细胞涂片{}.png"),
        ("cp949", "혈액도말{}.png"),
        ("cp866", "Мазок крови {}.png"),
        ("cp1251", "Мазок крови {}.png"),
    ],
)
def test_names_in_the_encodings_of_other_systems(encoding: str, name: str) -> None:
    names = [name.format(number) for number in range(5)]
    assert paths(named([each.encode(encoding) for each in names])) == names


def test_names_that_no_encoding_explains_are_kept_apart() -> None:
    names = [bytes([0x81, 0xFF, 0x80 + number]) + b".png" for number in range(3)]
    assert len(set(paths(named(names)))) == 3


def test_info_zips_own_field_with_the_name() -> None:
    raw, true = b"\x8a\xbf.png", "Größe 漢.png"
    body = b"\1" + struct.pack("<L", zlib.crc32(raw)) + true.encode()
    field = struct.pack("<HH", 0x7075, len(body)) + body
    assert paths(named([raw], extra=field)) == [true]
    stale = field.replace(struct.pack("<L", zlib.crc32(raw)), bytes(4))
    assert paths(named([raw], extra=stale)) != [true]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not really", b"text" * 1000])
def test_what_is_no_archive_is_refused(content: bytes) -> None:
    assert refusal(io.BytesIO(content)) == "archive_damaged"


def test_an_archive_cut_short_is_refused() -> None:
    content = zipped({"a.png": png(500, 500)}).getvalue()
    assert refusal(io.BytesIO(content[:-30])) == "archive_cut_short"
    assert refusal(io.BytesIO(content[:100])) == "archive_cut_short"


@pytest.mark.parametrize(
    "start", [b"Rar!\x1a\7\1\0", b"7z\xbc\xaf\x27\x1c", b"\x1f\x8b\x08\0", b"BZh9", b"\xfd7zXZ\0"]
)
def test_other_archives_are_named(start: bytes) -> None:
    with pytest.raises(UploadRejected, match="archive, and archives are read as zip files only"):
        opened(io.BytesIO(start + bytes(100)))


def test_archives_are_bounded() -> None:
    assert refusal(zipped({})) == "archive_empty"
    three = zipped({f"{number}.png": bytes(1000) for number in range(3)})
    assert refusal(three, max_images=2) == "archive_images"
    assert refusal(three, max_total_bytes=2_999) == "archive_too_many_bytes"
    many = zipped({f"{number}/": b"" for number in range(4_001)}, zipfile.ZIP_STORED)
    assert refusal(many) == "archive_entries"


def test_a_large_directory_is_not_even_read() -> None:
    content = bytearray(MAXIMUM_DIRECTORY_BYTES + 100)
    record = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 9, 9, MAXIMUM_DIRECTORY_BYTES + 1, 0, 0)
    assert refusal(io.BytesIO(bytes(content) + record)) == "archive_damaged"


def test_an_archive_in_the_archive_is_not_opened() -> None:
    inner = zipped({"a.png": png()}).getvalue()
    assert entry_refusal(opened(zipped({"inner.png": inner}))) == "archive_nested"


def test_an_entry_is_bounded_in_size_and_ratio() -> None:
    bomb = opened(zipped({"a.png": bytes(900_000)}))
    assert entry_refusal(bomb) == "expands"
    assert entry_refusal(bomb, max_bytes=899_999) == "too_many_bytes"


def test_an_entry_cannot_lie_about_its_size() -> None:
    honest = zipped({"a.png": bytes(range(256)) * 1000}).getvalue()
    lying = honest.replace(struct.pack("<L", 256_000), struct.pack("<L", 100))
    assert entry_refusal(opened(io.BytesIO(lying))) == "damaged"


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_cannot_be_bounded_are_not_read(method: int) -> None:
    assert entry_refusal(opened(zipped({"a.png": png()}, method))) == "compression"


def test_an_encrypted_entry_is_refused() -> None:
    content = bytearray(zipped({"a.png": png()}).getvalue())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    assert entry_refusal(opened(io.BytesIO(bytes(content)))) == "encrypted"


def test_a_damaged_entry_is_refused() -> None:
    content = bytearray(zipped({"a.png": png(300, 300)}).getvalue())
    content[60] ^= 0xFF
    assert entry_refusal(opened(io.BytesIO(bytes(content)))) == "damaged"


def test_an_entry_that_lies_beyond_every_file_is_refused() -> None:
    content = zipped({"a.png": png()}).getvalue()
    start = content.index(b"PK\x01\x02")
    entry, end = bytearray(content[start:-22]), bytearray(content[-22:])
    extra = struct.pack("<HHQ", 1, 8, 2**63)
    entry[30:32], entry[42:46] = struct.pack("<H", len(extra)), b"\xff" * 4
    end[12:16] = struct.pack("<L", len(entry) + len(extra))
    archive = opened(io.BytesIO(content[:start] + entry + extra + end))
    assert entry_refusal(archive) == "damaged"
