"""Labelled images from a folder with a folder for each class."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from classifier.adaptation.adapt import OwnImages
from classifier.adaptation.examples import FEWEST_CLASSES
from classifier.adaptation.views import views
from classifier.bundles.registry import Bundle
from classifier.datasets.near_duplicates import near_duplicate_groups
from classifier.errors import PlainError
from classifier.preprocessing import Crop
from classifier.uploads.images import UploadRejected, read_image

# Of a message that names what is wrong, so many names are told.
NAMED: Final = 5


class FolderError(PlainError):
    """A folder that holds no labelled images which can be used."""


def read_class_folders(
    folder: Path,
    bundle: Bundle,
    *,
    same: Mapping[str, str],
    crop: Crop,
    max_bytes: int,
    max_pixels: int,
    own_fewest: int = 0,
) -> tuple[OwnImages, tuple[str, ...]]:
    """The images of class folders, as the bundle's network may see them, and the classes.

    Folders are matched to the model's classes by their names; `same` says which class other names
    stand for. With `own_fewest` each folder is a class of one's own, but for those with fewer
    images. Near-duplicates are grouped. Raises FolderError, also for a single image that cannot be
    read: it might be the one that matters.
    """
    subfolders = _subfolders(folder, bundle.classes)
    named = {path: path.name for path in subfolders}
    if not own_fewest:
        named = _matched(subfolders, bundle.classes, same)
    inside = {path: [each for each in sorted(path.rglob("*")) if _is_image(each)] for path in named}
    if not any(inside.values()):
        raise FolderError(f"The folders in {folder} hold no images.")
    files = [
        (each, named[path])
        for path, found in inside.items()
        if len(found) >= own_fewest
        for each in found
    ]
    classes = tuple(sorted({label for _, label in files})) if own_fewest else bundle.classes
    if len(classes) < FEWEST_CLASSES:
        raise FolderError(
            f"A model for classes of your own takes {own_fewest} images or more of at least "
            f"{FEWEST_CLASSES}, each in a folder. Here are "
            f"{', '.join(f'{path.name} {len(found)}' for path, found in inside.items())}."
        )
    seen = [views(bundle, _read(path, max_bytes, max_pixels), crop) for path, _ in files]
    pixels = tuple(np.stack(each) for each in zip(*seen, strict=True))
    images = OwnImages(
        name=folder.resolve().name,
        views=pixels,
        labels=np.array([classes.index(label) for _, label in files], np.int64),
        groups=near_duplicate_groups(pixels[0], bundle.dataset.near_duplicate_correlation),
    )
    return images, classes


def _is_image(path: Path) -> bool:
    return path.is_file() and not path.name.startswith(".")


def _read(path: Path, max_bytes: int, max_pixels: int) -> Image.Image:
    try:
        with path.open("rb") as file:
            return read_image(
                file,
                filename=path.name,
                size=path.stat().st_size,
                max_bytes=max_bytes,
                max_pixels=max_pixels,
            ).pixels
    except (UploadRejected, OSError) as error:
        raise FolderError(f"{path}: {error} Mend it, or take it out of the folder.") from error


def _subfolders(folder: Path, classes: Sequence[str]) -> list[Path]:
    if not folder.is_dir():
        raise FolderError(f"There is no folder {folder}.")
    subfolders = [path for path in sorted(folder.iterdir()) if path.is_dir()]
    subfolders = [path for path in subfolders if not path.name.startswith(".")]
    if not subfolders:
        raise FolderError(
            f"{folder} has no folders in it. Put the images of each class into one of its name: "
            f"{', '.join(classes)}."
        )
    return subfolders


def _matched(
    subfolders: Sequence[Path], classes: Sequence[str], same: Mapping[str, str]
) -> dict[Path, str]:
    """The class of each folder. Raises FolderError for names that are no class's."""
    named = {path: same.get(path.name) or matched_class(path.name, classes) for path in subfolders}
    unknown = [path.name for path, label in named.items() if label is None]
    if unknown:
        raise FolderError(
            f"{', '.join(unknown[:NAMED])} {'is' if len(unknown) == 1 else 'are'} no class of the "
            f"model, which knows {', '.join(classes)}. Say which class a folder is with --same "
            "FOLDER=CLASS, or take it out; for classes of your own there is --own-classes."
        )
    return {path: label for path, label in named.items() if label is not None}


def matched_class(name: str, classes: Sequence[str]) -> str | None:
    """The class of the same name, but for case, spaces, hyphens and a plural; None without one."""
    return {_plain(label): label for label in classes}.get(_plain(name))


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold()).removesuffix("s")
