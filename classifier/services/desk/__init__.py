"""What the administrator's desk shows and does, across all people."""

from classifier.services.desk.deleting import delete_person, delete_predictions, taken_along
from classifier.services.desk.finding import matching, matching_images
from classifier.services.desk.overview import Overview, active_people, overview
from classifier.services.desk.periods import DEFAULT_PERIOD, PERIODS, Period
from classifier.services.desk.queue import requeue, take_back

__all__ = [
    "DEFAULT_PERIOD",
    "PERIODS",
    "Overview",
    "Period",
    "active_people",
    "delete_person",
    "delete_predictions",
    "matching",
    "matching_images",
    "overview",
    "requeue",
    "take_back",
    "taken_along",
]
