"""Tells network files of other programs apart, to say how a network gets from there to here."""

import zipfile
from pathlib import Path
from typing import Final

_SAVED_MODEL: Final = (
    "a SavedModel folder of TensorFlow: it holds code, which is not run here. Where it was made, "
    "load the network with Keras and save it as one file: model.save('own.keras'), in Keras 2 "
    "model.save('own.h5')."
)
_PYTORCH: Final = (
    "a file of PyTorch: loading it can run code that is in it, and most hold weights without a "
    "network. Build the same network in Keras, set its weights from these (the kernel of a "
    "convolution is transposed from out, in, height, width to height, width, in, out), and save "
    "it: model.save('own.keras')."
)
_CONVERTED: Final = (
    "a network that was converted from another program's. Add the one that it was made of, if that "
    "was Keras's, as .keras or .h5; else build it in Keras, set its weights and save it: "
    "model.save('own.keras')."
)
_BY_SUFFIX: Final = {
    ".pb": _SAVED_MODEL,
    ".pt": _PYTORCH,
    ".pth": _PYTORCH,
    ".safetensors": _PYTORCH,
    ".onnx": _CONVERTED,
    ".tflite": _CONVERTED,
}


def other_kind(path: Path) -> str | None:
    """What a file or folder is that holds a network of another program, and the way from there."""
    if (path / "saved_model.pb").is_file():
        return _SAVED_MODEL
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
        return _PYTORCH if any(name.endswith("data.pkl") for name in names) else None
    return _BY_SUFFIX.get(path.suffix.lower()) if path.is_file() else None
