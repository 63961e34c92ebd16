"""Weights in half the space do the same work."""

from pathlib import Path

import keras
import numpy as np
import pytest

from classifier.networks.architectures import ARCHITECTURES, ImageSpec
from classifier.networks.half_precision import halve_precision


def network() -> keras.Model:
    keras.utils.set_random_seed(1)
    spec = ImageSpec(16, 3, (127.5,) * 3, (1000.0,) * 3)
    return ARCHITECTURES["compact_resnet"](spec, 8, widths=(32, 64), blocks=(1, 1))


def test_half_the_size_and_nearly_the_same_answers(tmp_path: Path) -> None:
    original, path = network(), tmp_path / "model.keras"
    original.save(path)
    size = path.stat().st_size
    halve_precision(path)
    assert path.stat().st_size < 0.65 * size
    assert [each.name for each in tmp_path.iterdir()] == ["model.keras"]
    loaded = keras.models.load_model(path, compile=False)
    assert {str(weight.dtype) for weight in loaded.weights} == {"float32"}
    pixels = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3)).astype(np.float32)
    np.testing.assert_allclose(loaded(pixels), original(pixels), atol=2e-3)


def test_a_weight_beyond_half_precision_is_refused_and_the_file_stays(tmp_path: Path) -> None:
    original, path = network(), tmp_path / "model.keras"
    original.layers[-2].bias.assign(np.full(8, 1e5))
    original.save(path)
    before = path.read_bytes()
    with pytest.raises(OverflowError):
        halve_precision(path)
    assert path.read_bytes() == before
