"""File names reach the form as they were sent, through whole multipart requests."""

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import TooManyFieldsSent, TooManyFilesSent
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.handlers.wsgi import WSGIRequest
from django.http.multipartparser import MultiPartParserError
from django.test import RequestFactory
from pytest_django import Settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request

from classifier.uploads.handlers import WatchedBody, sent_name

BOUNDARY = "edge"
FILE = b"pixels"


def part(disposition: str, content: bytes) -> bytes:
    headers = f"--{BOUNDARY}\r\nContent-Disposition: form-data; {disposition}\r\n\r\n"
    return headers.encode() + content + b"\r\n"


def image_part(filename: str, content: bytes = FILE) -> bytes:
    return part(f'name="image"; filename="{filename}"', content)


def post(*parts: bytes) -> WSGIRequest:
    body = b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()
    content_type = f"multipart/form-data; boundary={BOUNDARY}"
    return RequestFactory().post("/", body, content_type=content_type)


def files_through_django(request: WSGIRequest) -> list[Any]:
    return request.FILES.getlist("image")


def files_through_rest_framework(request: WSGIRequest) -> list[Any]:
    return list(Request(request, parsers=[MultiPartParser()]).FILES.getlist("image"))


@pytest.fixture(params=[files_through_django, files_through_rest_framework], ids=["django", "drf"])
def files(request: pytest.FixtureRequest) -> Callable[[WSGIRequest], list[Any]]:
    parse: Callable[[WSGIRequest], list[Any]] = request.param
    return parse


@pytest.mark.parametrize(
    ("filename", "sent", "safe"),
    [
        ("cell.png", "cell.png", "cell.png"),
        ("Zellen 3 µm.png", "Zellen 3 µm.png", "Zellen 3 µm.png"),
        ("ce\0ll.png", "ce\0ll.png", "cell.png"),
        ("../../etc/cell.png", "../../etc/cell.png", "cell.png"),
        ("/cell.png", "/cell.png", "cell.png"),
        (r"C:\\scans\\cell.png", r"C:\scans\cell.png", "cell.png"),
        ("a&#47;cell.png", "a/cell.png", "cell.png"),
        ("cell %22a%22.png", 'cell "a".png', "cell %22a%22.png"),
        ("..", "..", "unnamed"),
        ("scans/", "scans/", "unnamed"),
        ("\0", "\0", "unnamed"),
    ],
)
@pytest.mark.parametrize("memory", [2_500_000, 0], ids=["in memory", "temporary file"])
def test_the_name_as_sent_travels_with_the_file(
    filename: str,
    sent: str,
    safe: str,
    memory: int,
    files: Callable[[WSGIRequest], list[Any]],
    settings: Settings,
) -> None:
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = memory
    [file] = files(post(image_part(filename)))
    assert (sent_name(file), file.name) == (sent, safe)
    assert (file.read(), file.size) == (FILE, len(FILE))


def test_an_encoded_name_is_decoded() -> None:
    [file] = files_through_django(
        post(part("name=\"image\"; filename*=UTF-8''%2e%2e%2fcell%00.png", FILE))
    )
    assert sent_name(file) == "../cell\0.png"


def test_a_long_name_arrives_whole() -> None:
    name = "a" * 600 + ".png"
    [file] = files_through_django(post(image_part(name)))
    assert sent_name(file) == name
    assert len(file.name) == 255


def test_each_file_keeps_its_own_name_and_fields_stay() -> None:
    request = post(
        image_part("a/first.png"),
        part('name="model"', b"blood-compact"),
        image_part("second.png", b"other"),
        image_part(""),
        part('name="archive"; filename="c/third.zip"', b"zip"),
    )
    assert [sent_name(file) for file in request.FILES.getlist("image")] == [
        "a/first.png",
        "second.png",
    ]
    [archive] = request.FILES.getlist("archive")
    assert sent_name(archive) == "c/third.zip"
    assert request.POST["model"] == "blood-compact"
    assert not request.POST._mutable


def test_many_files_take_one_open_file_and_little_memory(settings: Settings) -> None:
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 100_000
    settings.DATA_UPLOAD_MAX_NUMBER_FILES = 300
    contents = [bytes([number % 256]) * 10_000 for number in range(300)]
    request = post(*[image_part(f"{i}.png", content) for i, content in enumerate(contents)])
    before = len(list(Path("/proc/self/fd").iterdir()))
    files = request.FILES.getlist("image")
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 1
    assert [file.read() for file in reversed(files)] == contents[::-1]


def test_a_stored_slice_is_read_like_a_file() -> None:
    [first, second] = files_through_django(post(image_part("a.png"), image_part("b.png", b"12345")))
    second.seek(-2, os.SEEK_END)
    assert (second.tell(), second.read(1), first.read(), second.read()) == (3, b"4", FILE, b"5")
    assert second.read() == b""
    with pytest.raises(OSError, match="before the start"):
        second.seek(-1)
    assert b"".join(first.chunks(2)) == FILE


def test_files_made_otherwise_have_their_plain_name() -> None:
    assert sent_name(SimpleUploadedFile("cell.png", FILE)) == "cell.png"


def test_a_request_without_a_file() -> None:
    assert not post(part('name="model"', b"blood-compact")).FILES
    assert not RequestFactory().post("/", b"", content_type="multipart/form-data; boundary=x").FILES


def test_the_limits_of_django_hold(settings: Settings) -> None:
    settings.DATA_UPLOAD_MAX_NUMBER_FILES = 1
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 3
    with pytest.raises(TooManyFilesSent):
        _ = post(image_part("a.png"), image_part("b.png")).FILES
    with pytest.raises(TooManyFieldsSent):
        _ = post(*[part(f'name="{number}"', b"") for number in range(9)]).POST


def test_malformed_requests_are_refused_as_by_django() -> None:
    request = RequestFactory().post("/", b"x", content_type="multipart/form-data; boundary=\t")
    with pytest.raises(MultiPartParserError):
        _ = request.FILES


@pytest.mark.parametrize("missing", [1, 9, 12, 60, 90])
def test_a_request_cut_short_is_refused(
    missing: int, files: Callable[[WSGIRequest], list[Any]]
) -> None:
    whole = image_part("a.png") + image_part("b.png") + f"--{BOUNDARY}--".encode()
    content_type = f"multipart/form-data; boundary={BOUNDARY}"
    request = RequestFactory().post("/", whole[:-missing], content_type=content_type)
    with pytest.raises((MultiPartParserError, ParseError), match="too early"):
        files(request)


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_a_body_is_whole_however_it_comes(chunk: int) -> None:
    body = WatchedBody(io.BytesIO(b"--edge\r\n\r\nx\r\n--edge--\r\n"), b"edge")
    while body.read(chunk):
        pass
    assert body.is_whole
