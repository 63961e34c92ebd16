"""Data files: found, fetched with a checksum, and read at the size that a network takes."""

import hashlib
import io
from pathlib import Path

import numpy as np
import pytest

from classifier.datasets import datasets
from classifier.datasets.medmnist import DataError, Source, fetch, load_split, source_of
from tests.training import synthetic


def ignore(received: int, total: int) -> None: ...


@pytest.mark.parametrize(
    ("size", "file_name"),
    [
        (28, "bloodmnist.npz"),
        (32, "bloodmnist_64.npz"),
        (64, "bloodmnist_64.npz"),
        (100, "bloodmnist_128.npz"),
        (224, "bloodmnist_224.npz"),
        (300, "bloodmnist_224.npz"),
    ],
)
def test_the_file_is_the_smallest_that_is_large_enough(size: int, file_name: str) -> None:
    source = source_of(datasets()["bloodmnist"], size)
    assert source.file_name == file_name
    assert source.url == f"https://zenodo.org/records/10519652/files/{file_name}?download=1"
    assert len(source.md5) == 32


@pytest.fixture
def published(tmp_path: Path) -> Source:
    path = tmp_path / "published.npz"
    path.write_bytes(b"data" * 1000)
    md5 = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    return Source("bloodmnist.npz", path.as_uri(), md5)


def test_an_absent_file_is_fetched_once(tmp_path: Path, published: Source) -> None:
    told: list[int] = []
    path = fetch(published, tmp_path / "root", lambda received, total: told.append(received))
    assert path.read_bytes() == b"data" * 1000
    assert told[-1] == 4000
    fetch(published, tmp_path / "root", lambda received, total: pytest.fail("fetched again"))


def test_a_wrong_checksum_leaves_no_file(tmp_path: Path, published: Source) -> None:
    wrong = Source(published.file_name, published.url, "0" * 32)
    with pytest.raises(DataError, match="MD5"):
        fetch(wrong, tmp_path / "root", ignore)
    assert list((tmp_path / "root").iterdir()) == []


def test_without_network_the_message_says_what_to_do(tmp_path: Path) -> None:
    source = Source("bloodmnist.npz", "http://127.0.0.1:9/bloodmnist.npz", "0" * 32)
    with pytest.raises(DataError, match=r"could not be downloaded .* MEDMNIST_ROOT"):
        fetch(source, tmp_path, ignore)


def test_a_split_is_read_as_it_is_at_its_own_size(tmp_path: Path) -> None:
    path = synthetic.write_data_file(tmp_path)
    read = load_split(path, "val", size=synthetic.SIZE, channels=1, classes=2)
    np.testing.assert_array_equal(read.images, synthetic.split(48, 1).images)
    np.testing.assert_array_equal(read.labels, synthetic.split(48, 1).labels)


def test_a_split_is_brought_to_the_networks_size_and_channels(tmp_path: Path) -> None:
    path = synthetic.write_data_file(tmp_path)
    read = load_split(path, "test", size=16, channels=3, classes=2)
    assert read.images.shape == (48, 16, 16, 3)
    assert read.images.dtype == np.uint8
    assert (read.images[..., 0] == read.images[..., 2]).all()


def test_another_kind_of_file_is_named(tmp_path: Path) -> None:
    text = tmp_path / "notes.npz"
    text.write_text("no arrays")
    with pytest.raises(DataError, match=r"notes\.npz is not a data file"):
        load_split(text, "test", size=28, channels=1, classes=2)
    np.savez(tmp_path / "other.npz", images=np.zeros(3))
    with pytest.raises(DataError, match=r"other\.npz is not a data file"):
        load_split(tmp_path / "other.npz", "test", size=28, channels=1, classes=2)


def damaged_files(whole: bytes) -> dict[str, bytes]:
    def stored(**arrays: np.ndarray) -> bytes:
        stream = io.BytesIO()
        np.savez(stream, **arrays)  # type: ignore[arg-type]
        return stream.getvalue()

    images, labels = np.zeros((3, 8, 8), np.uint8), np.zeros((3, 1), np.uint8)
    single = io.BytesIO()
    np.save(single, images)
    return {
        "cut short": whole[: len(whole) // 2],
        "empty": b"",
        "one array": single.getvalue(),
        "too few labels": stored(test_images=images, test_labels=labels[:2]),
        "a third class": stored(test_images=images, test_labels=labels + 2),
        "no images": stored(test_images=images[:0], test_labels=labels[:0]),
        "no height": stored(test_images=images[0], test_labels=labels),
    }


@pytest.mark.parametrize("damage", damaged_files(b""))
def test_a_damaged_file_is_named(tmp_path: Path, damage: str) -> None:
    path = synthetic.write_data_file(tmp_path)
    path.write_bytes(damaged_files(path.read_bytes())[damage])
    with pytest.raises(DataError, match=r"breastmnist\.npz (is not a data file|has labels)"):
        load_split(path, "test", size=8, channels=1, classes=2)
