"""Formats that are known and not read, each with what to do instead."""

import re
from typing import Final

from classifier.uploads.refusals import UploadRejected

EXPORT: Final = "Export the picture as PNG, and upload that."
DEVELOP: Final = "Develop it, export it as PNG or JPEG, and upload that."
FRAME: Final = "Export the frame that you mean as PNG."
UNPACK: Final = "Unpack it and choose the images, or send a zip file of them as a batch."
SLICE: Final = "Export the slice or field that you mean as PNG or TIFF."

# The bytes at the start, as a regular expression; the name, as after "This is a"; what to do.
FORMATS: Final = tuple(
    (re.compile(pattern, re.DOTALL), name, remedy)
    for pattern, name, remedy in (
        (
            rb"(?i:(?:\xef\xbb\xbf)?\s*<(?:svg\b|[?!].{,4000}?<svg\b))",
            "drawing (SVG) without pixels to classify",
            "Choose the photograph or scan itself, or export it as PNG.",
        ),
        (rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL file", EXPORT),
        (rb"8BPS", "Photoshop file (PSD)", EXPORT),
        (rb"gimp xcf", "GIMP file (XCF)", EXPORT),
        (rb"\0\0[\x01\x02]\0.\0", "Windows icon or cursor (ICO)", EXPORT),
        (rb"icns", "macOS icon (ICNS)", EXPORT),
        (rb"%PDF", "PDF document", EXPORT),
        (rb"%!PS|\xc5\xd0\xd3\xc6", "PostScript file (EPS)", EXPORT),
        (rb"P[1-7]\s", "Netpbm file (PBM, PGM, PPM)", EXPORT),
        (rb"v/1\x01", "OpenEXR file", EXPORT),
        (rb"#\?RADIANCE", "Radiance file (HDR)", EXPORT),
        (rb"DDS ", "texture (DDS)", EXPORT),
        (rb"AT&TFORM", "DjVu document", EXPORT),
        (rb"\x01\0\0\0.{36} EMF|\xd7\xcd\xc6\x9a", "Windows metafile", EXPORT),
        (rb"II\*\0.{4}CR\x02|.{4}ftypcrx", "raw photograph (Canon)", DEVELOP),
        (rb"IIRO|IIRS|MMOR", "raw photograph (Olympus)", DEVELOP),
        (rb"IIU\0", "raw photograph (Panasonic)", DEVELOP),
        (rb"FUJIFILMCCD-RAW", "raw photograph (Fujifilm)", DEVELOP),
        (rb"FOVb|\0MRM", "raw photograph (Sigma or Minolta)", DEVELOP),
        (rb".{4}ftyp(?:isom|iso[2-6]|mp4|M4V|qt  |3g|avc1)|.{4}(?:moov|mdat)", "film", FRAME),
        (rb"RIFF.{4}AVI |\x1aE\xdf\xa3|\0\0\x01[\xba\xb3]", "film", FRAME),
        (rb"PK\x03\x04", "zip archive, or a document that is packed as one", UNPACK),
        (rb"Rar!", "RAR archive", UNPACK),
        (rb"7z\xbc\xaf", "7-Zip archive", UNPACK),
        (rb"\x1f\x8b|BZh|\xfd7zXZ", "compressed file (gzip and the like)", UNPACK),
        (rb".{257}ustar", "tar archive", UNPACK),
        (rb"\xd0\xcf\x11\xe0", "document of Microsoft Office or Zeiss (OLE)", EXPORT),
        (rb".{344}(?:n\+1|ni1)\0|\x5c\x01\0\0", "NIfTI volume", SLICE),
        (rb"NRRD0", "NRRD volume", SLICE),
        (rb"ObjectType\s*=", "MetaImage volume", SLICE),
        (rb"SIMPLE  =", "FITS file", SLICE),
        (rb"\x89HDF", "HDF5 file", SLICE),
        (rb"MATLAB 5", "MATLAB file", SLICE),
        (rb"\x93NUMPY", "NumPy array", SLICE),
        (rb"ZISRAWFILE", "Zeiss microscope file (CZI)", SLICE),
        (rb"\xda\xce\xbe\x0a", "Nikon microscope file (ND2)", SLICE),
        (rb"\x70\0\0\0.{4}\x2a", "Leica microscope file (LIF)", SLICE),
    )
)


def refuse_foreign(data: bytes) -> None:
    """Raises UploadRejected that names the format, where it is known."""
    for pattern, name, remedy in FORMATS:
        if pattern.match(data):
            raise UploadRejected("format_not_read", name=name, remedy=remedy)
