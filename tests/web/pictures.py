"""Files as people send them, good and bad."""

import io
import struct
import zlib

from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from classifier.synthetic import samples


def encoded(image: Image.Image, format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


def cell(filename: str = "cell.png") -> SimpleUploadedFile:
    return SimpleUploadedFile(filename, samples.draw("synthetic-neutrophil"), "image/png")


def truncated_jpeg() -> bytes:
    return encoded(Image.effect_noise((300, 300), 80).convert("RGB"), "JPEG")[:5_000]


def animated_gif() -> bytes:
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "green", "blue")]
    return encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=100)


def huge_png(side: int = 20_000) -> bytes:
    """A header that promises side × side pixels, and 50 KB of whatever."""
    header = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    data = b"IDAT" + zlib.compress(bytes(50_000_000))
    chunks = (header, data, b"IEND")
    packed = (struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def multipart(filename: bytes, content: bytes, **fields: str) -> tuple[bytes, str]:
    """A request body whose file name no well-meaning client would send, and its content type."""
    boundary = "web-tests"
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="image"; filename="'.encode()
    parts.append(head + filename + b'"\r\nContent-Type: image/png\r\n\r\n' + content + b"\r\n")
    parts.append(f"--{boundary}--\r\n".encode())
    return b"".join(parts), f"multipart/form-data; boundary={boundary}"
