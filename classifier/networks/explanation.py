"""Where in an image a network found what speaks for a class.

A map (size, size) float32 lies over the pixels that the network sees: 0 where nothing speaks for
the class, 1 where most does, and 0 everywhere where a method finds nothing. Of a network that
averages over several views of an image the map is of one, the image as it is, and of an ensemble
the members count together. Keras is imported inside the functions: see
`classifier.inference.loader`.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from classifier.networks.contract import LOGITS_LAYER, VIEWS_LAYER

Images = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Masks = npt.NDArray[np.bool_]
# From images (N, size, size, channels) and the index of a class for each to maps (N, size, size).
Explainer = Callable[[Images, Sequence[int]], Floats]

# Feature maps of fewer positions a side tell left from right, and hardly more.
FEWEST_POSITIONS: Final = 4
# A square of this share of the side is moved to as many places along each side.
SQUARE: Final = 0.25
PLACES: Final = 7


class NoFeatureMaps(ValueError):
    """The network has no convolutions before a layer of logits, which Grad-CAM needs."""


class GradCam:
    """Feature maps, weighed by how much the class's logit grows with each of them.

    Selvaraju et al. 2017, "Grad-CAM: visual explanations from deep networks via gradient-based
    localization". It takes the last feature maps of at least `FEWEST_POSITIONS` a side, and logits,
    since a saturated probability has no slope. Of an ensemble it gives the mean of the members'
    maps.
    """

    def __init__(self, network: Any) -> None:
        """Raises NoFeatureMaps."""
        import keras

        self._members = []
        for pixels, logits in _members(network):
            maps = _last_maps(keras.Model(pixels, logits))
            self._members.append((keras.Model(pixels, maps), keras.Model(maps, logits)))
        if not self._members:
            raise NoFeatureMaps

    def __call__(self, images: Images, labels: Sequence[int]) -> Floats:
        return normalised(
            np.mean([_weighed(*member, images, labels) for member in self._members], axis=0)
        )


class Occlusion:
    """How far the class's log-odds fall when a square around each pixel is covered.

    Zeiler and Fergus 2014, "Visualizing and understanding convolutional networks", section 4.2. A
    pixel has the mean over all squares that cover it. It takes log-odds, since a probability near 1
    hardly falls; of an ensemble those of its members' mean logits.
    """

    def __init__(self, network: Any) -> None:
        import keras
        import tensorflow as tf

        members = [keras.Model(pixels, logits) for pixels, logits in _members(network)]
        answer = partial(_mean_logits, members) if members else partial(_log_probabilities, network)
        # Layer by layer, many small passes take several times as long.
        self._logits = tf.function(
            answer, input_signature=[tf.TensorSpec(network.input_shape, tf.float32)]
        )

    def __call__(self, images: Images, labels: Sequence[int]) -> Floats:
        squares = _squares(images.shape[1])
        falls = []
        for image, label in zip(images, labels, strict=True):
            stages = np.stack([image, *(covered(image, square) for square in squares)])
            logits = np.asarray(self._logits(stages.astype(np.float32)))
            others = np.delete(logits, label, axis=1)
            odds = np.asarray(logits[:, label] - np.logaddexp.reduce(others, axis=1))
            falls.append(np.einsum("n,nhw->hw", odds[0] - odds[1:], squares.astype(np.float32)))
        return normalised(np.stack(falls) / squares.sum(axis=0))


def _mean_logits(members: Sequence[Any], pixels: Any) -> Any:
    import keras

    return keras.ops.mean([member(pixels, training=False) for member in members], axis=0)


def _log_probabilities(network: Any, pixels: Any) -> Any:
    """Logits of a network without such a layer, but for what a softmax does not see."""
    import keras

    probabilities = network(pixels, training=False)
    return keras.ops.log(keras.ops.maximum(probabilities, np.finfo(np.float32).tiny))


def _members(network: Any) -> list[tuple[Any, Any]]:
    """Pixels of one view and logits of each member, as tensors; none without a layer of logits."""
    names = {layer.name for layer in network.layers}
    members = []
    for layer in network.layers:
        if layer.name.endswith(LOGITS_LAYER):
            views = layer.name.removesuffix(LOGITS_LAYER) + VIEWS_LAYER
            pixels = network.get_layer(views).output if views in names else network.inputs[0]
            members.append((pixels, layer.output))
    return members


def _last_maps(member: Any) -> Any:
    """The output of the last layer that gives feature maps. Raises NoFeatureMaps."""
    kinds = [type(layer).__name__ for layer in member.layers]
    first = next((number for number, kind in enumerate(kinds) if "Conv" in kind), len(kinds))
    maps = [
        layer.output
        for layer in member.layers[first:]
        if len(shape := getattr(layer.output, "shape", ())) == 4
        and min(shape[1:3]) >= FEWEST_POSITIONS
    ]
    if not maps:
        raise NoFeatureMaps
    return maps[-1]


def _weighed(body: Any, head: Any, images: Images, labels: Sequence[int]) -> Floats:
    """One member's maps (N, size, size), from its pixels to feature maps and on to its logits."""
    import tensorflow as tf

    maps = body(images.astype(np.float32), training=False)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(maps)
        logits = head(maps, training=False)
        score = tf.reduce_sum(logits * tf.one_hot(labels, logits.shape[1]))
    weights = np.asarray(tape.gradient(score, maps)).mean(axis=(1, 2))
    weighed = np.maximum(np.einsum("nhwc,nc->nhw", np.asarray(maps), weights), 0)
    coarse = [Image.fromarray(each) for each in weighed]
    resized = [each.resize(images.shape[1:3], Image.Resampling.BILINEAR) for each in coarse]
    return np.stack([np.asarray(each, np.float32) for each in resized])


def _squares(size: int) -> Masks:
    """Masks (squares, size, size), each true in a square; together they cover all of an image."""
    side = max(1, round(SQUARE * size))
    starts = np.unique(np.linspace(0, size - side, PLACES).round().astype(int))
    masks = np.zeros((len(starts) ** 2, size, size), np.bool_)
    for number, (upper, left) in enumerate((upper, left) for upper in starts for left in starts):
        masks[number, upper : upper + side, left : left + side] = True
    return masks


def covered(image: Images, mask: Masks) -> Images:
    """An image (size, size, channels) whose pixels under a mask have its mean colour."""
    result = image.copy()
    result[mask] = image.mean(axis=(0, 1)).round().astype(np.uint8)
    return result


def normalised(maps: npt.NDArray[np.floating]) -> Floats:
    """Maps (N, size, size) of what speaks for a class, as a share of where most of it is."""
    positive = np.maximum(np.nan_to_num(maps, posinf=0, neginf=0), 0)
    most = positive.max(axis=(1, 2), keepdims=True)
    return np.asarray(positive / np.where(most > 0, most, 1), np.float32)
