"""imagecodecs as a decoder of pydicom, for what pydicom cannot decompress by itself."""

from typing import Final

import imagecodecs
from pydicom import uid
from pydicom.pixels.common import PhotometricInterpretation
from pydicom.pixels.decoders.base import DecodeRunner, get_decoder

NAME: Final = "imagecodecs"
BASELINE: Final = {uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit}
LOSSLESS: Final = {uid.JPEGLossless, uid.JPEGLosslessSV1}
JPEG_LS: Final = {uid.JPEGLSLossless, uid.JPEGLSNearLossless}
JPEG_2000: Final = {uid.JPEG2000Lossless, uid.JPEG2000}
# What pydicom asks a plugin for: packages by transfer syntax.
DECODER_DEPENDENCIES: Final = dict.fromkeys(
    (*BASELINE, *LOSSLESS, *JPEG_LS, *JPEG_2000), ("imagecodecs",)
)
IN_CHROMA: Final = {
    PhotometricInterpretation.YBR_FULL,
    PhotometricInterpretation.YBR_FULL_422,
    PhotometricInterpretation.YBR_ICT,
    PhotometricInterpretation.YBR_RCT,
}


def is_available(transfer_syntax: str) -> bool:
    return transfer_syntax in DECODER_DEPENDENCIES


def decode_frame(source: bytes, runner: DecodeRunner) -> bytes:
    """One frame; tells the runner how its values lie, and that chroma became RGB where it did."""
    syntax = runner.transfer_syntax
    is_chroma = runner.photometric_interpretation in IN_CHROMA
    if syntax in JPEG_LS:
        values = imagecodecs.jpegls_decode(source)
    elif syntax in JPEG_2000:
        values = imagecodecs.jpeg2k_decode(source, numthreads=1)
    elif syntax in LOSSLESS or runner.samples_per_pixel == 1:
        values = imagecodecs.jpeg8_decode(source)
    else:
        # libjpeg would guess the colours; the file's header knows them.
        stored = "YCBCR" if is_chroma else "RGB"
        values = imagecodecs.jpeg8_decode(source, colorspace=stored, outcolorspace="RGB")
    if is_chroma and syntax in BASELINE | JPEG_2000:
        runner.set_option("photometric_interpretation", PhotometricInterpretation.RGB)
    runner.set_option("planar_configuration", 0)
    runner.set_option("bits_allocated", 8 * values.dtype.itemsize)
    return values.tobytes()


def register() -> None:
    for syntax in DECODER_DEPENDENCIES:
        get_decoder(syntax).add_plugin(NAME, (__name__, decode_frame.__name__))
