"""Loads Keras networks from files of any origin without running anything that is in them.

Keras's safe mode refuses code that a file holds; what it refuses differs by format and release.
Here nothing but Keras's own objects gets as far as Keras: a file is asked for its configuration,
which is JSON, and every class and function that this names is looked up in a list of known ones.
"""

import json
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import h5py
import keras

from classifier.errors import PlainError
from classifier.networks.foreign_files import other_kind
from classifier.networks.keras2 import FUNCTION_LAYERS, differences, modernise, name_operations
from classifier.networks.keras_functions import (
    Steps,
    has_preprocess_input,
    names_preprocess_input,
    put_in,
    take_out,
)

LARGEST_FILE: Final = 2 << 30

_MODULES: Final = (
    keras.layers,
    keras.models,
    keras.initializers,
    keras.regularizers,
    keras.constraints,
    keras.dtype_policies,
)
# Of Keras's own, but they hold code or load it from elsewhere.
_CODE: Final = {"Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"}
# What a configuration says besides the exported classes; the last two are of the older format.
_NOTATION: Final = {
    "Functional",
    "__keras_tensor__",
    "__tensor__",
    "__numpy__",
    "__slice__",
    "__ellipsis__",
    "__tuple__",
    "TensorShape",
}
_EXPORTED: Final = {
    name for module in _MODULES for name, each in vars(module).items() if isinstance(each, type)
}
_KNOWN: Final = _EXPORTED - _CODE | _NOTATION
# Operations such as x / 255 on the way from layer to layer.
_OPERATIONS: Final = "keras.src.ops."
_FUNCTIONS: Final = ("builtins", "keras.activations", "keras.ops", "keras.src.ops")


class NetworkError(PlainError):
    """A file that holds no network which can be used; says why in one sentence or two."""


def load_network(path: Path, *, preprocess_input: str = "") -> Any:
    """The network, not compiled, of a .keras or an HDF5 file, also an HDF5 file of Keras 2.

    Args:
        preprocess_input: the module of keras.applications whose function of that name the network
            begins with, for a file that does not say it.

    Raises NetworkError for every other file, and where the network needs more than Keras's own
    layers.
    """
    if kind := other_kind(path):
        raise NetworkError(f"{path.name} is {kind}")
    if not path.is_file():
        raise NetworkError(f"There is no file {path}.")
    if preprocess_input and not has_preprocess_input(preprocess_input):
        raise NetworkError(f"There is no keras.applications.{preprocess_input}.preprocess_input.")
    if path.stat().st_size > LARGEST_FILE:
        raise NetworkError(
            f"{path.name} has {path.stat().st_size >> 20:,} MiB, of which at most "
            f"{LARGEST_FILE >> 20:,} are taken. Without its optimizer it is a third of that."
        )
    try:
        with tempfile.TemporaryDirectory() as folder:
            # A copy, so that what was checked is what Keras loads, and by a suffix that it knows.
            copy = Path(shutil.copyfile(path, Path(folder) / f"network{_suffix(path)}"))
            read = _read_archive if copy.suffix == ".keras" else _read_hdf5
            config, steps = read(copy, preprocess_input)
            _refuse_foreign(config)
            network = keras.models.load_model(copy, compile=False, safe_mode=True)
            _finalise(network)
            return put_in(network, steps) if steps else network
    except NetworkError:
        raise
    # A damaged file makes Keras fail in every way.
    except Exception as error:
        raise NetworkError(f"Keras cannot load {path.name}: {reason(error)}") from error


def reason(error: Exception) -> str:
    """The first line of what went wrong at last; Keras puts whole configurations before it."""
    text = str(error).rpartition("Exception encountered: ")[2].strip()
    return text.splitlines()[0][:300] if text else type(error).__name__


def _suffix(path: Path) -> str:
    """By content, since Keras 2 wrote HDF5 files under either name."""
    if zipfile.is_zipfile(path):
        return ".keras"
    if h5py.is_hdf5(path):
        return ".h5"
    raise NetworkError(
        f"Keras cannot load {path.name}: it is neither a .keras archive nor an HDF5 file, "
        "or it is not whole."
    )


def _read_archive(path: Path, preprocess_input: str) -> tuple[Any, Steps]:
    """The configuration that the file has from now on, and what has to be put in later."""
    with zipfile.ZipFile(path) as archive:
        # Keras does not look at the checksums, and would take damaged weights.
        if damaged := archive.testzip():
            raise NetworkError(f"{damaged} in the file is damaged.")
        if not {"config.json", "metadata.json"} <= {*archive.namelist()}:
            raise NetworkError("The file is an archive without a network of Keras.")
        version = json.loads(archive.read("metadata.json"))["keras_version"]
        if version.startswith("2."):
            raise NetworkError(
                f"Of Keras 2 only .h5 is read, this is a .keras file of Keras {version}. Load it "
                "there and save it: model.save('own.h5')."
            )
        config = json.loads(archive.read("config.json"))
        steps = take_out(config, preprocess_input, is_keras_2=False)
        if steps:
            changed = path.with_name("changed.keras")
            with zipfile.ZipFile(changed, "w") as target:
                target.writestr("config.json", json.dumps(config))
                for name in {*archive.namelist()} - {"config.json"}:
                    with archive.open(name) as source, target.open(name, "w") as copy:
                        shutil.copyfileobj(source, copy)
            changed.replace(path)
    return config, steps


def _read_hdf5(path: Path, preprocess_input: str) -> tuple[Any, Steps]:
    with h5py.File(path, "r+") as file:
        if "model_config" not in file.attrs:
            raise NetworkError(
                "The file holds weights without a network. Save both: model.save(path)."
            )
        config = json.loads(file.attrs["model_config"])
        is_keras_2 = not str(file.attrs.get("keras_version", "")).startswith("3")
        steps = take_out(config, preprocess_input, is_keras_2=is_keras_2)
        if is_keras_2:
            modernise(config)
            if different := differences(config):
                raise NetworkError(
                    f"The network has {', '.join(sorted(different))}, of which Keras 3 makes "
                    "something else. Build the network without, and save it."
                )
        else:
            name_operations(config)
        file.attrs["model_config"] = json.dumps(config)
    return config, steps


def _finalise(network: Any) -> None:
    """Let layers such as Normalization take up their weights.

    Of an HDF5 file Keras does so for outer layers alone, and those inside another network would go
    on with what they began with.
    """
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            _finalise(layer)
        elif hasattr(layer, "finalize_state"):
            layer.finalize_state()


def _dictionaries(value: Any) -> Iterator[dict[str, Any]]:
    """Every dictionary in a configuration, but for how it was compiled, which is not loaded."""
    if isinstance(value, dict):
        yield value
        value = [value[key] for key in value if key != "compile_config"]
    if isinstance(value, list):
        for each in value:
            yield from _dictionaries(each)


def _refuse_foreign(config: Any) -> None:
    foreign = set()
    for each in _dictionaries(config):
        name, module = each.get("class_name"), str(each.get("module") or "")
        is_operation = module.startswith(_OPERATIONS) and name not in _CODE
        if names_preprocess_input(each):
            raise NetworkError(
                "The network has a Lambda with a preprocess_input, and the file does not say of "
                "which networks. Give it, such as: --preprocess-input resnet50."
            )
        if name == "function" and not module.startswith(_FUNCTIONS):
            foreign.add(str(each.get("config")))
        elif name in FUNCTION_LAYERS:
            foreign.add(f"{name} ({each['config'].get('function')})")
        elif name not in {None, "function", *_KNOWN} and not is_operation:
            foreign.add(str(name))
    if foreign:
        raise NetworkError(
            f"The network needs {', '.join(sorted(foreign))}. Only Keras's own layers are taken, "
            "and of these none that holds code, as Lambda does. Build the network without, and "
            "save it."
        )
