"""Checks that need a network in memory, for bundles and for networks that are to become one."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.bundles.registry import Bundle
from classifier.networks.contract import with_features
from classifier.networks.limits import Limits
from classifier.networks.safe_loading import NetworkError, load_network, reason


def network_problems(bundle: Bundle) -> list[str]:
    """Load the network with stock Keras and say, one plain sentence each, what does not fit."""
    try:
        network = load_network(bundle.weights_path)
        if problems := _shape_problems(bundle, network):
            return problems
        if not are_probabilities(probe(network, bundle.input_size, bundle.channels)):
            return ["The network's outputs are not probabilities that sum to one."]
        return _feature_problems(bundle, network)
    except NetworkError as error:
        return [str(error)]


def _shape_problems(bundle: Bundle, network: Any) -> list[str]:
    side = bundle.input_size
    # A network without fixed shapes has no such attributes.
    expected = {
        "takes": (getattr(network, "input_shape", None), (None, side, side, bundle.channels)),
        "gives": (getattr(network, "output_shape", None), (None, len(bundle.classes))),
    }
    problems = [
        f"The network {verb} {found}, the metadata say {stated}."
        for verb, (found, stated) in expected.items()
        if found != stated
    ]
    if network.count_params() != bundle.metadata.parameters:
        problems.append(f"The network has {network.count_params()} parameters, not as stated.")
    return problems


def _feature_problems(bundle: Bundle, network: Any) -> list[str]:
    description, path = bundle.metadata.uncertainty, bundle.limits_path
    if description is None or path is None:
        return []
    try:
        _, features = with_features(network, description.layers).output_shape
    except ValueError as error:
        return [f"The network gives no features for {path.name}: {error}"]
    stated = len(Limits.read(path).centre)
    if features[-1] != stated:
        return [f"The network gives {features[-1]} features, not {stated}."]
    return []


def probe(network: Any, size: int, channels: int) -> NDArray[np.float32]:
    """A network's outputs (4, classes) for images of four kinds, with values from 0 to 255.

    Raises NetworkError where the network cannot be run.
    """
    ramp = np.linspace(0, 255, size * size * channels).reshape(size, size, channels)
    noise = np.random.default_rng(0).uniform(0, 255, ramp.shape)
    images = np.stack([ramp, ramp[::-1], ramp / 4, noise]).astype(np.float32)
    try:
        return np.asarray(network(images))
    # What a layer raises at something that does not fit depends on the layer.
    except Exception as error:
        raise NetworkError(f"The network cannot be run: {reason(error)}") from error


def are_probabilities(outputs: NDArray[np.float32]) -> bool:
    """Whether each row could be the probabilities of one class each, which sum to one."""
    return bool((outputs >= 0).all() and np.isclose(outputs.sum(axis=1), 1, atol=1e-4).all())
