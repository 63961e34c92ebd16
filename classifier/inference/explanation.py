"""The run side of explanations: claims one, makes its map, writes it."""

import functools
import logging

import numpy as np
from celery.exceptions import SoftTimeLimitExceeded
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from classifier.inference import loader
from classifier.inference.connection import sound_connection
from classifier.inference.inputs import array_png, stored_input
from classifier.inference.runner import UNREADABLE, sees_images
from classifier.models import Explanation, Method, Status
from classifier.networks.explanation import Explainer, GradCam, NoFeatureMaps, Occlusion

logger = logging.getLogger(__name__)

TOO_LONG = "This map took too long and was stopped. Try again when less is running."
UNEXPECTED = "An unexpected error occurred. Try again or tell the administrator."
UNAVAILABLE = "The model that gave this result is no longer here. Classify the image again."
NO_FEATURE_MAPS = "This network has no convolutions, whose feature maps Grad-CAM needs."
EXHAUSTED = "The worker stopped each time it tried this map, so it was given up."


def run_next(*, claim: str) -> bool:
    """Make the map that is next in line; False when nothing waits.

    One at a time: a map takes as long as dozens of predictions, which go first.
    """
    explanation = Explanation.objects.claim_next(claim) if sees_images() else None
    if explanation is None:
        return False
    try:
        with sound_connection():
            values: dict[str, object] = {"status": Status.SUCCESS, "map": _map(explanation)}
    except loader.ModelUnavailable as error:
        logger.error("No map for prediction %s: %s", explanation.prediction_id, error)
        values = _failure(UNAVAILABLE)
    except NoFeatureMaps:
        values = _failure(NO_FEATURE_MAPS)
    except (OSError, SyntaxError):
        logger.warning("The image of prediction %s cannot be read", explanation.prediction_id)
        values = _failure(UNREADABLE)
    except SoftTimeLimitExceeded:
        logger.warning("A map for prediction %s took too long", explanation.prediction_id)
        values = _failure(TOO_LONG)
    except (OperationalError, InterfaceError):
        # As with predictions: it is taken up again when the database is back.
        raise
    except Exception:
        logger.exception("A map for prediction %s failed", explanation.prediction_id)
        values = _failure(UNEXPECTED)
    Explanation.objects.end_claimed(explanation, **values)
    return True


def _failure(message: str) -> dict[str, object]:
    return {"status": Status.FAILURE, "error_message": message}


def _map(explanation: Explanation) -> bytes:
    """Grey PNG of the map of a prediction's class."""
    prediction = explanation.prediction
    loaded = loader.load(prediction.trained_model)
    if loaded.bundle.version != prediction.model_version:
        raise loader.ModelUnavailable("it has another version now")
    pixels = stored_input(prediction)
    label = loaded.bundle.classes.index(prediction.predicted_label)
    [found] = _explainer(loaded, Method(explanation.method))(pixels[None], [label])
    return array_png((255 * found[..., None]).round().astype(np.uint8))


@functools.lru_cache(maxsize=8)
def _explainer(loaded: loader.LoadedModel, method: Method) -> Explainer:
    """What it prepares takes longer than a map."""
    return GradCam(loaded.network) if method == Method.GRAD_CAM else Occlusion(loaded.network)


def give_up_exhausted() -> int:
    """End maps whose every attempt died with its worker; returns how many."""
    ended = Explanation.objects.exhausted().update(
        finished_at=timezone.now(), **_failure(EXHAUSTED)
    )
    if ended:
        logger.error("%d maps were given up after their last attempt", ended)
    return int(ended)


def waiting() -> int:
    """How many maps wait, and so how many tasks they need."""
    return int(Explanation.objects.claimable().count())
