"""Writes the cards of bundles and their index. Loads no network, so this takes no time."""

from pathlib import Path

from classifier.bundles import registry
from classifier.bundles.registry import Bundle, Discovery
from classifier.bundles.writing import replace_file
from classifier.cards.confusion import confusion_rows
from classifier.cards.matrix_picture import render_matrix
from classifier.cards.render import render_card, render_index

CARD_FILE = "README.md"
MATRIX_FILE = "confusion.svg"


def write_card(bundle: Bundle) -> None:
    """Write a bundle's card, and where it was evaluated the picture of its confusion matrix."""
    if bundle.evaluation:
        title = f"Confusion matrix of {bundle.metadata.title}, n = {bundle.evaluation.n:,}"
        matrix = render_matrix(confusion_rows(bundle.evaluation), title)
        replace_file(bundle.path / MATRIX_FILE, matrix)
    replace_file(bundle.path / CARD_FILE, render_card(bundle))


def write_cards(models_dir: Path) -> Discovery:
    """Write the cards of all sound bundles, and the index of them. Returns what was found."""
    found = registry.discover(models_dir)
    for bundle in found.bundles:
        write_card(bundle)
    replace_file(models_dir / CARD_FILE, render_index(found.bundles))
    return found
