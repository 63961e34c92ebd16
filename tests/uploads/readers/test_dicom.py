"""DICOM files made here, each decoded a second time by pydicom alone or known from the start."""

import io
import logging
from collections.abc import Callable
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom import Dataset, FileDataset, uid
from pydicom.encaps import encapsulate
from pydicom.pixels import apply_modality_lut, apply_windowing

from classifier.uploads.readers import decode
from classifier.uploads.readers.decoded import Decoded
from classifier.uploads.refusals import UploadRejected

HEIGHT, WIDTH = 24, 40
SECRET = "Doe^Jane"


def dataset(values: np.ndarray, *, bits: int = 8, **tags: Any) -> FileDataset:
    """Values (height, width), or with a last dimension of 3 for colours."""
    allocated = 8 * values.itemsize
    made = FileDataset("", {}, file_meta=pydicom.dataset.FileMetaDataset(), preamble=bytes(128))
    made.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = uid.SecondaryCaptureImageStorage
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID = uid.generate_uid()
    made.SOPClassUID = uid.SecondaryCaptureImageStorage
    made.PatientName, made.PatientID = SECRET, SECRET
    made.Rows, made.Columns = HEIGHT, WIDTH
    made.BitsAllocated, made.BitsStored, made.HighBit = allocated, bits, bits - 1
    made.PixelRepresentation = int(values.dtype.kind == "i")
    made.SamplesPerPixel = 3 if values.shape[-1] == 3 else 1
    made.PhotometricInterpretation = "RGB" if values.shape[-1] == 3 else "MONOCHROME2"
    if values.shape[-1] == 3:
        made.PlanarConfiguration = 0
    made.PixelData = values.tobytes()
    for name, value in tags.items():
        setattr(made, name, value)
    return made


def written(made: FileDataset) -> bytes:
    buffer = io.BytesIO()
    made.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def read(made: FileDataset, frame: int | None = None) -> Decoded:
    return decode(written(made), max_pixels=10**6, frame=frame)


def refused(made: FileDataset, frame: int | None = None) -> UploadRejected:
    with pytest.raises(UploadRejected) as caught:
        read(made, frame)
    return caught.value


def samples(bits: int, *shape: int, signed: bool = False) -> np.ndarray:
    lowest = -(2 ** (bits - 1)) if signed else 0
    dtype = np.dtype(f"{'i' if signed else 'u'}{1 if bits <= 8 else 2}")
    values = np.random.default_rng(0).integers(
        lowest, lowest + 2**bits, (HEIGHT, WIDTH, *shape), dtype
    )
    values[0, 0], values[0, 1] = lowest, lowest + 2**bits - 1
    return values


def difference(one: Any, other: Any) -> float:
    one = one.pixels if isinstance(one, Decoded) else one
    return float(np.abs(np.asarray(one).astype(float) - np.asarray(other).astype(float)).max())


@pytest.mark.parametrize("bits", range(8, 17))
def test_grey_of_each_depth(bits: int) -> None:
    values = samples(bits)
    picture = read(dataset(values, bits=bits))
    assert (picture.format, picture.pixels.mode) == ("DICOM", "L")
    assert difference(picture, values * (255 / (2**bits - 1))) <= 0.51
    inverted = read(dataset(values, bits=bits, PhotometricInterpretation="MONOCHROME1"))
    assert difference(inverted, 255 - np.asarray(picture.pixels)) == 0


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("rescale", [None, (1, -1024), (0.5, 3)])
@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_windows_against_pydicom(
    bits: int, signed: bool, rescale: tuple[float, float] | None, function: str
) -> None:
    values = samples(bits, signed=signed)
    tags: dict[str, Any] = {"WindowCenter": 40.5, "WindowWidth": 2**bits / 3}
    if rescale:
        tags["RescaleSlope"], tags["RescaleIntercept"] = rescale
    made = dataset(values, bits=bits, VOILUTFunction=function, **tags)
    slope, intercept = rescale or (1, 0)
    black = (-(2 ** (bits - 1)) if signed else 0) * slope + intercept
    white = black + (2**bits - 1) * slope
    shown = apply_windowing(apply_modality_lut(values, made), made)
    assert difference(read(made), (shown - black) / (white - black) * 255) <= 0.51


def test_of_several_windows_the_first() -> None:
    values = samples(12)
    one = read(dataset(values, bits=12, WindowCenter=1000, WindowWidth=500))
    several = dataset(values, bits=12, WindowCenter=[1000, 9], WindowWidth=[500, 9])
    assert difference(read(several), one.pixels) == 0


def test_a_table_instead_of_a_window() -> None:
    values = samples(8)
    table = Dataset()
    table.LUTDescriptor = [256, 0, 16]
    table.LUTData = (65535 - 257 * np.arange(256, dtype=np.uint16)).tobytes()
    assert difference(read(dataset(values, VOILUTSequence=[table])), 255 - values) == 0


def test_a_window_of_each_frame() -> None:
    values = np.stack([samples(12), samples(12)])
    made = dataset(values, bits=12, NumberOfFrames=2)
    groups = []
    for center in (1000, 3000):
        window, group = Dataset(), Dataset()
        window.WindowCenter, window.WindowWidth = center, 500
        group.FrameVOILUTSequence = [window]
        groups.append(group)
    made.PerFrameFunctionalGroupsSequence = groups
    expected = read(dataset(values[1], bits=12, WindowCenter=3000, WindowWidth=500))
    assert difference(read(made, 2), expected.pixels) == 0


def test_without_a_window_the_flatness_is_said() -> None:
    [warning] = read(dataset(samples(12), bits=12)).warnings
    assert "12 bits" in warning
    assert not read(dataset(samples(8))).warnings
    assert refused(dataset(samples(8).astype(np.uint16), bits=16)).code == "values_too_dark"


@pytest.mark.parametrize("planar", [0, 1])
def test_colour(planar: int) -> None:
    values = samples(8, 3)
    made = dataset(values, PlanarConfiguration=planar)
    if planar:
        made.PixelData = np.moveaxis(values, -1, 0).tobytes()
    assert difference(read(made), values) == 0


def test_ybr() -> None:
    values = samples(8, 3)
    chroma = np.asarray(Image.fromarray(values).convert("YCbCr"))
    made = dataset(chroma, PhotometricInterpretation="YBR_FULL")
    assert difference(read(made), values) <= 3


def test_a_palette() -> None:
    values = samples(8)
    made = dataset(values, PhotometricInterpretation="PALETTE COLOR")
    colours = np.random.default_rng(1).integers(0, 256, (3, 256), np.uint16)
    for name, table in zip(("Red", "Green", "Blue"), colours, strict=True):
        setattr(made, f"{name}PaletteColorLookupTableDescriptor", [256, 0, 16])
        setattr(made, f"{name}PaletteColorLookupTableData", (table * 257).tobytes())
    assert difference(read(made), np.moveaxis(colours[:, values], 0, -1)) == 0


def test_bits_beyond_those_stored_are_not_taken_for_values() -> None:
    """Older files keep an overlay in them."""
    values = samples(12)
    made = dataset(values, bits=12, WindowCenter=2048, WindowWidth=4096)
    drawn = dataset(values | 0x8000, bits=12, WindowCenter=2048, WindowWidth=4096)
    assert difference(read(drawn), read(made).pixels) == 0


def jpeg(values: np.ndarray) -> bytes:
    return bytes(imagecodecs.jpeg8_encode(values, 95))


def jpeg_12(values: np.ndarray) -> bytes:
    return bytes(imagecodecs.jpeg8_encode(values, 95, bitspersample=12))


def lossless(values: np.ndarray) -> bytes:
    bits = 8 if values.dtype == np.uint8 else 16
    return bytes(imagecodecs.jpeg8_encode(values, lossless=True, bitspersample=bits))


def jpeg_ls(values: np.ndarray) -> bytes:
    return bytes(imagecodecs.jpegls_encode(values))


def jpeg_2000(values: np.ndarray) -> bytes:
    options = {"codecformat": "j2k", "reversible": True, "level": 0, "mct": False}
    return bytes(imagecodecs.jpeg2k_encode(values, **options))


def smooth(bits: int, *shape: int) -> np.ndarray:
    ramp = np.linspace(0, 2**bits - 1, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH, *[1] * len(shape))
    return np.broadcast_to(ramp, (HEIGHT, WIDTH, *shape)).astype(
        np.uint8 if bits == 8 else np.uint16
    )


@pytest.mark.parametrize(
    ("syntax", "encode", "bits", "channels", "tolerance"),
    [
        (uid.JPEGBaseline8Bit, jpeg, 8, 1, 3),
        (uid.JPEGBaseline8Bit, jpeg, 8, 3, 6),
        (uid.JPEGExtended12Bit, jpeg_12, 12, 1, 2),
        (uid.JPEGLossless, lossless, 8, 1, 0),
        (uid.JPEGLosslessSV1, lossless, 8, 3, 0),
        (uid.JPEGLosslessSV1, lossless, 16, 1, 0),
        (uid.JPEGLSLossless, jpeg_ls, 8, 1, 0),
        (uid.JPEGLSLossless, jpeg_ls, 16, 1, 0),
        (uid.JPEG2000Lossless, jpeg_2000, 8, 1, 0),
        (uid.JPEG2000Lossless, jpeg_2000, 8, 3, 0),
        (uid.JPEG2000Lossless, jpeg_2000, 16, 1, 0),
    ],
)
def test_compressed_frames(
    syntax: uid.UID,
    encode: Callable[[np.ndarray], bytes],
    bits: int,
    channels: int,
    tolerance: int,
) -> None:
    values = smooth(bits, 3) if channels == 3 else smooth(bits)
    made = dataset(values, bits=bits)
    plain = read(made)
    made.file_meta.TransferSyntaxUID = syntax
    if syntax == uid.JPEGBaseline8Bit and channels == 3:
        made.PhotometricInterpretation = "YBR_FULL_422"
    made.PixelData = encapsulate([encode(values)])
    assert difference(read(made), plain.pixels) <= tolerance


def test_run_length_encoded_frames() -> None:
    for values in (samples(8), samples(8, 3), samples(16)):
        made = dataset(values, bits=8 * values.itemsize)
        plain = read(made)
        made.compress(uid.RLELossless)
        assert difference(read(made), plain.pixels) == 0


def test_a_frame_of_a_cine_loop_is_chosen() -> None:
    frames = np.stack([samples(8, 3), 255 - samples(8, 3)])
    made = dataset(frames, NumberOfFrames=2)
    rejected = refused(made)
    assert rejected.code == "frames"
    assert "from 1 to 2" in rejected.message
    assert difference(read(made, 1), frames[0]) == 0
    assert difference(read(made, 2), frames[1]) == 0
    beyond = refused(made, 3)
    assert (beyond.code, beyond.field) == ("frame_missing", "frame")
    assert difference(read(dataset(samples(8)), 1), samples(8)) == 0


def test_only_the_ultrasound_is_kept() -> None:
    values = samples(8, 3) | 1
    region = Dataset()
    region.RegionLocationMinX0, region.RegionLocationMinY0 = 10, 5
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = 19, 14
    shown = np.asarray(read(dataset(values, SequenceOfUltrasoundRegions=[region])).pixels)
    assert difference(shown[5:15, 10:20], values[5:15, 10:20]) == 0
    assert np.count_nonzero(shown) == 10 * 10 * 3


def test_regions_that_make_no_sense_are_said() -> None:
    region = Dataset()
    region.RegionLocationMinX0, region.RegionLocationMinY0 = 100, 100
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = 120, 120
    picture = read(dataset(samples(8), SequenceOfUltrasoundRegions=[region]))
    assert difference(picture, samples(8)) == 0
    assert "nothing around it was blacked out" in picture.warnings[0]


def test_what_may_name_a_patient_is_warned_about() -> None:
    made = dataset(samples(8), BurnedInAnnotation="YES")
    made.add_new((0x6000, 0x3000), "OW", bytes(HEIGHT * WIDTH // 8))
    burned_in, overlays = read(made).warnings
    assert "burned into" in burned_in
    assert "laid over" in overlays
    assert not read(dataset(samples(8), BurnedInAnnotation="NO")).warnings


def test_no_tag_comes_out(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    picture = read(dataset(samples(8), BurnedInAnnotation="YES"))
    assert not picture.pixels.info
    assert SECRET not in repr(picture) + caplog.text


def test_what_has_no_picture_is_named() -> None:
    made = dataset(samples(8))
    del made.PixelData
    assert refused(made).code == "dicom_without_pixels"
    made = dataset(samples(8))
    made.file_meta.TransferSyntaxUID = uid.MPEG4HP41
    made.PixelData = encapsulate([b"film"])
    assert "film" in refused(made).message


def test_frames_cut_short_are_refused() -> None:
    made = dataset(samples(8), PixelData=samples(8).tobytes()[:-400])
    assert refused(made).code == "damaged"
    made = dataset(smooth(8))
    made.file_meta.TransferSyntaxUID = uid.JPEGBaseline8Bit
    made.PixelData = encapsulate([jpeg(smooth(8))[:200]])
    assert refused(made).code == "damaged"


def test_a_large_frame_is_refused_from_the_header() -> None:
    assert refused(dataset(samples(8), Rows=2000, Columns=2000)).code == "too_many_pixels"
