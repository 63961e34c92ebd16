"""DICOM: the pixels of one frame as a viewer shows them, and nothing else of the file."""

import io
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from pydicom import Dataset, dcmread, uid
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_voi

from classifier.uploads.pixels import DARKEST, Values, as_image, check_size, looked_up, scaled
from classifier.uploads.readers import dicom_codecs, jpeg2000
from classifier.uploads.readers.decoded import Decoded
from classifier.uploads.refusals import UploadRejected

BURNED_IN: Final = (
    "This DICOM file says that text is burned into its picture. "
    "See that it names nobody before you pass it on."
)
OVERLAYS: Final = (
    "This DICOM file has drawings laid over its picture. They were left out, as were all its tags."
)
NO_WINDOW: Final = (
    "This DICOM file sets no window, so its grey values are shown over the whole range of their "
    "{bits} bits and may look flat. Export it as PNG with the contrast that you see in your viewer."
)
UNMASKED: Final = (
    "This DICOM file says in a way that cannot be used where its ultrasound image lies, so nothing "
    "around it was blacked out."
)
FILM: Final = "DICOM file with a film in it (MPEG)"
FRAME_OF_FILM: Final = "Export the frame that you mean as PNG from your viewer."
OVERLAY_GROUPS: Final = range(0x6000, 0x6020, 2)
OVERLAY_DATA: Final = 0x3000
WIDE: Final = 16

dicom_codecs.register()


def read(data: bytes, *, max_pixels: int, frame: int | None) -> Decoded:
    dataset = dcmread(io.BytesIO(data))
    _check(dataset, max_pixels)
    index = _index(dataset, frame)
    warnings = _warnings(dataset)
    syntax = dataset.file_meta.TransferSyntaxUID
    plugin = dicom_codecs.NAME if dicom_codecs.is_available(syntax) else ""
    values, properties = get_decoder(syntax).as_array(dataset, index=index, decoding_plugin=plugin)
    bits = int(properties["bits_stored"])
    photometric = properties["photometric_interpretation"]
    if photometric == "RGB":
        shades = scaled(values, bits=bits)
    elif photometric == "PALETTE COLOR":
        colours = apply_color_lut(values, dataset)
        shades = scaled(colours, bits=8 * colours.itemsize)
    elif photometric in {"MONOCHROME1", "MONOCHROME2"}:
        settings = _settings_of_frame(dataset, index)
        if bits > 8 and not _has_window(settings):
            warnings.append(NO_WINDOW.format(bits=bits))
        shades = _greys(values, bits, settings, is_inverted=photometric == "MONOCHROME1")
    else:
        raise UploadRejected("damaged")
    pixels = as_image(_only_ultrasound(shades, dataset, warnings))
    return Decoded(pixels, "DICOM", tuple(warnings))


def _check(dataset: Dataset, max_pixels: int) -> None:
    if "FloatPixelData" in dataset or "DoubleFloatPixelData" in dataset:
        raise UploadRejected("values_out_of_range")
    if not {"PixelData", "Rows", "Columns"} <= set(dataset.dir()):
        raise UploadRejected("dicom_without_pixels")
    if dataset.file_meta.TransferSyntaxUID in uid.MPEGTransferSyntaxes:
        raise UploadRejected("format_not_read", name=FILM, remedy=FRAME_OF_FILM)
    check_size(dataset.Columns, dataset.Rows, max_pixels)
    if dataset.file_meta.TransferSyntaxUID in dicom_codecs.JPEG_2000:
        jpeg2000.check_values(dataset.Columns * dataset.Rows * dataset.SamplesPerPixel)


def _index(dataset: Dataset, frame: int | None) -> int:
    count = int(dataset.get("NumberOfFrames") or 1)
    if frame is None and count > 1:
        raise UploadRejected("frames", count=count)
    if frame is not None and not 1 <= frame <= count:
        raise UploadRejected("frame_missing", frame=frame, count=count)
    return (frame or 1) - 1


def _warnings(dataset: Dataset) -> list[str]:
    warnings = []
    if dataset.get("BurnedInAnnotation") == "YES":
        warnings.append(BURNED_IN)
    if any((group, OVERLAY_DATA) in dataset for group in OVERLAY_GROUPS):
        warnings.append(OVERLAYS)
    return warnings


def _settings_of_frame(dataset: Dataset, index: int) -> Dataset:
    """Rescale and window of a frame, which enhanced files have in a sequence for each of them."""
    settings = Dataset()
    settings.update(dataset)
    settings.file_meta = dataset.file_meta
    shared = dataset.get("SharedFunctionalGroupsSequence") or []
    own = dataset.get("PerFrameFunctionalGroupsSequence") or []
    for group in [*shared[:1], *own[index : index + 1]]:
        for name in ("PixelValueTransformationSequence", "FrameVOILUTSequence"):
            for item in (group.get(name) or [])[:1]:
                settings.update(item)
    return settings


def _has_window(settings: Dataset) -> bool:
    has_both = {"WindowCenter", "WindowWidth"} <= set(settings.dir())
    return has_both or "VOILUTSequence" in settings


def _greys(
    values: Values, bits: int, settings: Dataset, *, is_inverted: bool
) -> npt.NDArray[np.uint8]:
    """Through a table of every value that so many bits can hold."""
    if bits > WIDE:
        raise UploadRejected("values_out_of_range")
    is_signed = values.dtype.kind == "i"
    lowest = -(2 ** (bits - 1)) if is_signed else 0
    if values.min() < lowest or values.max() >= lowest + 2**bits:
        raise UploadRejected("values_out_of_range")
    if bits > 8 and not _has_window(settings) and np.ptp(values) < DARKEST * 2**bits:
        raise UploadRejected("values_too_dark", bits=bits)
    stored = np.arange(lowest, lowest + 2**bits, dtype=np.int32)
    table: npt.NDArray[np.uint8] = _shown(apply_modality_lut(stored, settings), settings)
    if is_inverted:
        np.subtract(255, table, out=table)
    # A negative value looks up the table from its end.
    return looked_up(np.roll(table, lowest), values)


def _shown(levels: Values, settings: Dataset) -> npt.NDArray[np.uint8]:
    """Grey 0 to 255 of each level, by the table, the window, or the range of all levels."""
    if settings.get("VOILUTSequence"):
        highest = 2 ** int(settings.VOILUTSequence[0].LUTDescriptor[2]) - 1
        shares = apply_voi(levels, settings) / highest
    elif _has_window(settings):
        shares = _windowed(levels.astype(float), settings)
    else:
        shares = (levels - levels.min()) / max(1, np.ptp(levels))
    shades: npt.NDArray[np.uint8] = np.rint(255 * np.clip(shares, 0, 1)).astype(np.uint8)
    return shades


def _windowed(levels: npt.NDArray[np.float64], settings: Dataset) -> npt.NDArray[np.float64]:
    """Part 3 of the standard, C.11.2.1.2 and C.11.2.1.3; of several windows the first."""
    center, width = _first(settings.WindowCenter), _first(settings.WindowWidth)
    function = settings.get("VOILUTFunction", "LINEAR")
    if width <= 0 or (function == "LINEAR" and width < 1):
        raise UploadRejected("damaged")
    if function == "SIGMOID":
        return 1 / (1 + np.exp(np.clip(-4 * (levels - center) / width, -700, 700)))
    if function == "LINEAR_EXACT":
        return (levels - center) / width + 0.5
    if width == 1:
        return (levels > center - 0.5).astype(float)
    return (levels - (center - 0.5)) / (width - 1) + 0.5


def _first(value: Any) -> float:
    return float(value if isinstance(value, float | int | str) else value[0])


def _only_ultrasound(
    shades: npt.NDArray[np.uint8], dataset: Dataset, warnings: list[str]
) -> npt.NDArray[np.uint8]:
    """Black outside of the ultrasound regions, where names and dates stand."""
    regions = dataset.get("SequenceOfUltrasoundRegions")
    if not regions:
        return shades
    result = np.zeros_like(shades)
    for region in regions:
        rows = slice(max(0, region.RegionLocationMinY0), region.RegionLocationMaxY1 + 1)
        columns = slice(max(0, region.RegionLocationMinX0), region.RegionLocationMaxX1 + 1)
        result[rows, columns] = shades[rows, columns]
    if not result.any() and shades.any():
        warnings.append(UNMASKED)
        return shades
    return result
