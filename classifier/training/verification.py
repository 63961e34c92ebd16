"""Checks of a bundle that need its network in memory."""

from typing import Any

import keras
import numpy as np

from classifier.inference.features import with_features
from classifier.inference.uncertainty import Uncertainty
from classifier.registry import Bundle


def network_problems(bundle: Bundle) -> list[str]:
    """Load the network with stock Keras and say, one plain sentence each, what does not fit."""
    try:
        network = keras.models.load_model(bundle.weights_path, compile=False, safe_mode=True)
    except (OSError, ValueError, TypeError) as error:
        return [f"Keras cannot load {bundle.weights_path.name}: {error}"]
    problems = _shape_problems(bundle, network)
    return problems or [*_output_problems(bundle, network), *_feature_problems(bundle, network)]


def _shape_problems(bundle: Bundle, network: Any) -> list[str]:
    side = bundle.input_size
    expected = {
        "takes": (network.input_shape, (None, side, side, bundle.channels)),
        "gives": (network.output_shape, (None, len(bundle.classes))),
    }
    problems = [
        f"The network {verb} {found}, the metadata say {stated}."
        for verb, (found, stated) in expected.items()
        if found != stated
    ]
    if network.count_params() != bundle.parameters:
        problems.append(f"The network has {network.count_params()} parameters, not as stated.")
    return problems


def _feature_problems(bundle: Bundle, network: Any) -> list[str]:
    if bundle.uncertainty_path is None:
        return []
    try:
        _, features = with_features(network, bundle.uncertainty_layers or ()).output_shape
    except ValueError as error:
        return [f"The network gives no features for {bundle.uncertainty_path.name}: {error}"]
    stated = len(Uncertainty.read(bundle.uncertainty_path).centre)
    if features[-1] != stated:
        return [f"The network gives {features[-1]} features, not {stated}."]
    return []


def _output_problems(bundle: Bundle, network: Any) -> list[str]:
    side = bundle.input_size
    ramp = np.linspace(0, 255, side * side * bundle.channels, dtype=np.float32)
    probabilities = np.asarray(network(ramp.reshape(1, side, side, bundle.channels)))
    if (probabilities < 0).any() or not np.isclose(probabilities.sum(), 1, atol=1e-4):
        return ["The network's outputs are not probabilities that sum to one."]
    return []
