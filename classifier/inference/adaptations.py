"""The run side of adaptations: a worker looks at images, fits in turns, and registers a model.

What a turn has come to lies in a folder beside the models, so that a worker that is killed is
followed by one that goes on from there; without the folder it begins anew.
"""

import hashlib
import logging
import shutil
import time
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from classifier import catalogue
from classifier.bundles.registry import Bundle, load_bundle
from classifier.datasets.near_duplicates import (
    THUMBNAIL_SIDE,
    grey_thumbnail,
    near_duplicate_groups,
)
from classifier.datasets.own import own_dataset, own_dataset_path, write_own_dataset
from classifier.errors import PlainError
from classifier.inference import loader, turns
from classifier.inference.inputs import stored_picture
from classifier.inference.runner import sees_images
from classifier.models import Adaptation, LabelledImage, Status
from classifier.preprocessing import Crop

if TYPE_CHECKING:
    from classifier.adaptation.adapt import AdaptableNetwork, OwnImages
    from classifier.adaptation.examples import Examples
    from classifier.adaptation.fitting import Procedure

logger = logging.getLogger(__name__)

TOO_LONG = "This took too long and was stopped. Try again with fewer images."
DISK_FULL = "There is no room left on the disk, so nothing was kept. Tell the administrator."
# Short, so that a single image which comes meanwhile does not wait for all of it.
TURN_SECONDS: Final = 2.0


def run_turn(*, claim: str) -> bool:
    """Go on with the adaptation that has waited longest; False where none waits.

    `claim` is the id of the Celery task.
    """
    if not sees_images():
        return False
    ran = turns.run_turn(Adaptation.objects.all(), _go_on, claim=claim, too_long=TOO_LONG)
    if ran:
        _remove_leftovers()
    return ran


def are_due() -> bool:
    """Whether a turn has to be rung for: one waits, and no worker is at any."""
    return Adaptation.objects.all().is_due()


def give_up_exhausted() -> int:
    """End adaptations whose every attempt died with its worker; returns how many."""
    ended = turns.give_up_exhausted(Adaptation.objects.all())
    if ended:
        _remove_leftovers()
    return ended


def _go_on(adaptation: Adaptation) -> None:
    from classifier.adaptation.fitting import fold_answers, fold_count

    loaded = loader.load(adaptation.trained_model)
    try:
        work = _Work(adaptation, loaded)
        turn_ends = time.monotonic() + TURN_SECONDS
        while time.monotonic() < turn_ends:
            if adaptation.done < adaptation.total:
                work.look_at_some()
            elif adaptation.fits < fold_count((views := work.views())[0]):
                number = adaptation.fits
                held_out, said = fold_answers(views, work.procedure, number)
                work.write(f"fold-{number}", held_out=held_out, **_arrays(said))
                adaptation.fits += 1
            else:
                return work.finish()
            if not _say_how_far(adaptation):
                return None
    except OSError as error:
        # What is told of it stands in the log: a path says nothing to people.
        logger.exception("Adaptation %s could not be written", adaptation.pk)
        raise PlainError(DISK_FULL) from error
    turns.pause(Adaptation.objects.all(), adaptation)
    return None


def _say_how_far(adaptation: Adaptation) -> bool:
    """Whether it still is this worker's."""
    return bool(
        Adaptation.objects.held(adaptation).update(
            done=adaptation.done, fits=adaptation.fits, heard_at=timezone.now(), attempts=1
        )
    )


def _remove_leftovers() -> None:
    """Folders of adaptations that have ended, or were deleted while they ran."""
    waiting = Adaptation.objects.unfinished().values_list("pk", flat=True)
    catalogue.remove_leftovers("adapting", waiting)


def _arrays(said: Any) -> dict[str, Any]:
    return {"probabilities": said.probabilities, **vars(said.judged)}


class _Work:
    """An adaptation with the folder of what its turns have come to."""

    def __init__(self, adaptation: Adaptation, loaded: loader.LoadedModel) -> None:
        from classifier.adaptation.fitting import Promise

        self.adaptation, self.bundle = adaptation, loaded.bundle
        self.folder = catalogue.work_folder("adapting", adaptation.pk)
        if adaptation.labelled_set is None:
            raise PlainError("The labelled set was deleted before the model was adapted to it.")
        self._crop = Crop(adaptation.labelled_set.crop)
        self.model = _adaptable(loaded)
        promise = Promise(coverage=adaptation.coverage)
        self.procedure: Procedure = self.model.procedure(promise, own=len(adaptation.classes))
        self.classes = tuple(adaptation.classes) or self.bundle.classes
        known = adaptation.labelled_set.images.filter(
            image__adaptations=adaptation, label__in=self.classes
        )
        self._images = known.in_order().select_related("image")
        # Classes of one's own are nowhere else.
        self._home = None if adaptation.classes else _home_images(self.bundle)
        if adaptation.model_version != self.bundle.version or not self.folder.exists():
            self._begin()

    def _begin(self) -> None:
        """From the start: the first turn, or the model is not the one that it was."""
        adaptation, home = self.adaptation, self._home
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        started = {
            "model_version": self.bundle.version,
            "done": 0,
            "fits": 0,
            "total": self._images.count() + (len(home.labels) if home else 0),
        }
        vars(adaptation).update(started)
        Adaptation.objects.held(adaptation).update(**started)

    def write(self, name: str, **arrays: Any) -> None:
        """Keep arrays for later turns, whole or not at all. Raises OSError."""
        partial = self.folder / f".{name}.npz"
        np.savez(partial, **arrays)
        partial.rename(self.folder / f"{name}.npz")

    def _read(self, name: str) -> dict[str, Any]:
        """All arrays that were written under names that begin so, one after another."""
        files = []
        for path in sorted(self.folder.glob(f"{name}-*.npz")):
            with np.load(path, allow_pickle=False) as stored:
                files.append(dict(stored))
        return {key: np.concatenate([each[key] for each in files]) for key in files[0]}

    def look_at_some(self) -> None:
        """What the network makes of the next images of one's own, then of some from home."""
        first, size, home = self.adaptation.done, settings.PREDICTION_BATCH_SIZE, self._home
        own = self.adaptation.total - (len(home.labels) if home else 0)
        if first < own:
            chunk = list(self._images[first : min(first + size, own)])
            self._look_at_own(chunk, f"own-{first:06}")
            self.adaptation.done += len(chunk) or own - first
        elif home:
            part = slice(first - own, first - own + size)
            labels = home.labels[part]
            self._look(f"home-{first:06}", home.views[0][part], labels=labels)
            self.adaptation.done += len(labels)

    def _look_at_own(self, chunk: Sequence[LabelledImage], name: str) -> None:
        """Leaves out what cannot be read."""
        from classifier.adaptation.views import views

        seen = []
        for image in chunk:
            try:
                with stored_picture(image.image) as picture:
                    seen.append((image, views(self.bundle, picture, self._crop)))
            except (OSError, ValueError, SyntaxError):
                logger.warning("The image of labelled image %s cannot be read", image.pk)
        if not seen:
            return
        images, pixels = zip(*seen, strict=True)
        for number, each in enumerate(zip(*pixels, strict=True)):
            self._look(f"view{number}-{name}", np.stack(each))
        self.write(
            name,
            labels=np.array([self.classes.index(image.label) for image in images]),
            groups=np.array([image.group for image in images], str),
            thumbnails=np.stack([grey_thumbnail(each[0]) for each in pixels]),
            checksums=np.array([image.image.sha256 for image in images], str),
        )

    def _look(self, name: str, pixels: Any, **known: Any) -> None:
        said = zip(
            ("probabilities", "features", "inputs"),
            self.model.represented(pixels, name),
            strict=True,
        )
        self.write(name, **dict(said), **known)

    def views(self) -> "tuple[Examples, ...]":
        """One's own images by view, with near-duplicates and images of one patient together.

        Raises NotEnough.
        """
        from classifier.adaptation.examples import (
            Examples,
            NotEnough,
            check_enough,
            naming_the_commonest,
        )
        from classifier.adaptation.views import shares
        from classifier.validation.clusters import clusters_of

        if not any(self.folder.glob("own-*.npz")):
            raise NotEnough("None of the images could be read, so there is nothing to adapt to.")
        found = self._read("own")
        thumbnails = found["thumbnails"].reshape(-1, THUMBNAIL_SIDE, THUMBNAIL_SIDE, 1)
        alike = self.bundle.dataset.near_duplicate_correlation
        groups = clusters_of(found["groups"].tolist(), near_duplicate_groups(thumbnails, alike))
        check_enough(found["labels"], groups, self.classes)
        before = naming_the_commonest(found["labels"], len(self.classes))
        known = {"labels": found["labels"], "groups": groups}
        known |= {"probabilities": before} if self.adaptation.classes else {}
        return tuple(
            Examples(**self._read(f"view{number}") | known)
            for number in range(len(shares(self.bundle)))
        )

    def finish(self) -> None:
        """Write the bundle, register it, and end the adaptation; or leave nothing of it."""
        adaptation, target = self.adaptation, settings.ADAPTED_MODELS_DIR / self.adaptation.slug
        # A worker that was killed after the last step but one has left it whole.
        bundle = load_bundle(target) if target.exists() else self._write_bundle()
        figures = bundle.evaluation.adaptation if bundle.evaluation else None
        if figures is None:
            raise PlainError("The model that was made says nothing of its figures. Try again.")
        with transaction.atomic():
            is_held = Adaptation.objects.held(adaptation).select_for_update().exists()
            if is_held:
                adapted = catalogue.register(
                    bundle,
                    owner=adaptation.owner,
                    project=adaptation.project,
                    # What is not proposed waits for a person to say that they want it all the same.
                    is_active=figures.gain.proposed,
                )
                Adaptation.objects.held(adaptation).update(
                    status=Status.SUCCESS,
                    adapted_model=adapted,
                    result=figures.as_json(),
                    error_message="",
                    finished_at=timezone.now(),
                )
        if not is_held:
            shutil.rmtree(target, ignore_errors=True)
            if adaptation.classes:
                own_dataset_path(adaptation.slug).unlink(missing_ok=True)

    def _write_bundle(self) -> Bundle:
        from classifier.adaptation.adapt import Laboratory, Name, moved, write_adapted
        from classifier.adaptation.examples import Examples
        from classifier.adaptation.fitting import fold_count, joined
        from classifier.evaluation.selective import Answers
        from classifier.networks.limits import Judgement
        from classifier.networks.safe_loading import load_network

        seen_views, known = self.views(), self._read("own")
        parts = []
        for number in range(fold_count(seen_views[0])):
            with np.load(self.folder / f"fold-{number}.npz", allow_pickle=False) as stored:
                fold = dict(stored)
            held_out, probabilities = fold.pop("held_out"), fold.pop("probabilities")
            parts.append((held_out, Answers(probabilities, Judgement(**fold))))
        home = None
        if self._home:
            seen = self._read("home")
            alone = np.arange(len(seen["labels"]))
            home = Examples(**seen, groups=alone)
        own, name = None, str(self.adaptation.labelled_set)
        if self.adaptation.classes:
            own = own_dataset(self.adaptation.slug, name, self.classes, self.bundle.dataset)
            write_own_dataset(own)
        content = "".join(known["checksums"]).encode() + known["labels"].tobytes()
        try:
            written = write_adapted(
                self.bundle,
                load_network(self.bundle.weights_path),
                Laboratory(
                    name=name,
                    own=own,
                    views=seen_views,
                    sha256=hashlib.sha256(content).hexdigest(),
                ),
                Name(slug=self.adaptation.slug, title=self.adaptation.title),
                self.folder,
                self.procedure,
                joined(len(seen_views[0]), parts),
                home,
            )
        except BaseException:
            if own:
                own_dataset_path(own.slug).unlink(missing_ok=True)
            raise
        return moved(written, settings.ADAPTED_MODELS_DIR)


@lru_cache(maxsize=1)
def _adaptable(loaded: loader.LoadedModel) -> "AdaptableNetwork":
    from classifier.adaptation.adapt import AdaptableNetwork

    return AdaptableNetwork(loaded.bundle, loaded.network)


def _home_images(bundle: Bundle) -> "OwnImages | None":
    return _home_of(bundle.path, settings.MEDMNIST_ROOT)


@lru_cache(maxsize=1)
def _home_of(path: Path, data_root: Path) -> "OwnImages | None":
    from classifier.adaptation.adapt import home_images

    return home_images(load_bundle(path), data_root)
