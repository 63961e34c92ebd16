"""Measured values as cards and pages write them, which never round to a certainty."""

from dataclasses import dataclass
from typing import Final, Self

from django.template import Library

from classifier.bundles.schema import AimedProportion, Interval, MeasuredProportion

NOTHING: Final = "–"
# A percent sign stays with its number.
PERCENT: Final = "\u00a0%"

register = Library()


@register.filter
def percent(proportion: float) -> str:
    """One decimal, and never a certainty that rounding made up."""
    if 0 < proportion < 0.001:
        return f"<0.1{PERCENT}"
    # The upper end of an interval for all of n images may miss 1 by an error of rounding.
    if 0.999 < proportion < 1 - 1e-9:
        return f">99.9{PERCENT}"
    return f"{100 * proportion:.1f}{PERCENT}"


@register.filter
def round_percent(proportion: float) -> str:
    """As many digits as the number has: for what was chosen or reported, not measured."""
    return f"{100 * proportion:g}{PERCENT}"


@register.filter
def points(proportion: float) -> str:
    """A difference of proportions in percentage points."""
    return f"{100 * proportion:.1f} percentage points"


@register.filter
def signed_points(proportion: float) -> str:
    """An end of the interval of such a difference."""
    return f"{100 * proportion:+.1f}".replace("-", "\u2212")


@register.filter
def decimals(value: float) -> str:
    """Three decimals of a value in 0–1, and never a perfect one that rounding made up."""
    if 0 < value < 0.0005:
        return "<0.001"
    if 0.9995 <= value < 1:
        return ">0.999"
    return f"{value:.3f}"


@register.filter
def four_decimals(value: float) -> str:
    """What cards give, for those who compare."""
    return f"{value:.4f}"


@register.filter
def millions(count: int) -> str:
    """A number of parameters such as 2.43 M."""
    return f"{count / 1e6:.2f} M"


@register.filter
def thousands(count: int) -> str:
    """A whole number such as 3,421."""
    return f"{count:,}"


def span(low: float, high: float) -> str:
    """An interval in 0–1: three decimals, or as many more as keep an end from rounding to one."""
    imperfect = [end for end in (low, high) if end < 1 - 1e-9]
    places = next((n for n in (3, 4, 5) if all(round(end, n) < 1 for end in imperfect)), 6)
    return f"{low:.{places}f}–{high:.{places}f}"


@dataclass(frozen=True)
class Metric:
    """A value with its 95 % interval, the number of images and what was aimed at, where known."""

    value: float | None
    interval: Interval | None = None
    n: int = 0
    target: float | None = None

    @classmethod
    def of(cls, found: MeasuredProportion) -> Self:
        """A proportion as evaluation.json has it."""
        target = found.target if isinstance(found, AimedProportion) else None
        return cls(found.share, found.interval, found.n, target)

    def __str__(self) -> str:
        """Four decimals, and the interval in brackets."""
        if self.value is None:
            return NOTHING
        if self.interval is None:
            return four_decimals(self.value)
        low, high = self.interval
        return f"{self.value:.4f} ({low:.4f}–{high:.4f})"

    @property
    def percent(self) -> str:
        """The value of a proportion as pages write it."""
        return NOTHING if self.value is None else percent(self.value)

    @property
    def percent_interval(self) -> str:
        """The interval to it; empty where there is none."""
        if self.interval is None:
            return ""
        low, high = map(percent, self.interval)
        return f"{low.removesuffix(PERCENT)}–{high}"

    @property
    def decimals(self) -> str:
        """The value to three decimals."""
        return NOTHING if self.value is None else decimals(self.value)

    @property
    def decimals_interval(self) -> str:
        """The interval to it; empty where there is none."""
        return "" if self.interval is None else span(*self.interval)
