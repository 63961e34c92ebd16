"""Fills the templates in this folder. Needs no Django project, so that trainings can use it."""

import re
from collections.abc import Sequence
from pathlib import Path

from django.template import Context, Engine

from classifier.bundles.registry import Bundle, report_order
from classifier.cards.view import ModelView
from classifier.datasets import datasets
from classifier.notice import NOTICE

ENGINE = Engine(
    dirs=[str(Path(__file__).parent / "templates")],
    libraries={"numbers": "classifier.cards.numbers"},
)


def render_card(bundle: Bundle) -> str:
    """The Markdown text of a bundle's README.md; without evaluation it says so."""
    return _render("cards/card.md", view=ModelView(bundle.metadata, bundle.evaluation))


def render_index(bundles: Sequence[Bundle]) -> str:
    """The Markdown text of models/README.md for evaluated bundles."""
    ordered = sorted(bundles, key=lambda bundle: report_order(bundle.metadata))
    groups = [
        (
            dataset,
            [
                ModelView(bundle.metadata, bundle.evaluation)
                for bundle in ordered
                if bundle.dataset is dataset
            ],
        )
        for dataset in datasets().values()
    ]
    return _render("cards/index.md", groups=[group for group in groups if group[1]])


def _render(template: str, **values: object) -> str:
    """Without the empty lines that tags leave behind."""
    named = {**values, "notice": NOTICE}
    context = Context(named, autoescape=False, use_l10n=False, use_tz=False)
    text = ENGINE.get_template(template).render(context)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"
