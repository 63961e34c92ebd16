"""How fast batches run, from the POST to the last result, beside the bare network.

`python -m benchmarks.batches` starts the whole application as real processes. For each network it
sends one batch over HTTP, and in the same run times a bare loop of `predict_on_batch(32)` over the
same decoded images in a process of its own.
"""

import io
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "medclassifier.settings")

import django

django.setup()

import numpy as np  # noqa: E402
from django.conf import settings  # noqa: E402
from PIL import Image  # noqa: E402

from classifier.bundles.registry import load_bundle  # noqa: E402
from tests.processes.stack import ApiClient, Stack, running_stack, wait_until  # noqa: E402

BARE_LOOP = """
import sys, time
import keras, numpy as np
network = keras.models.load_model(sys.argv[1], compile=False)
images = np.load(sys.argv[2]).astype("float32")
for count in {32, len(images) % 32 or 32}:
    network.predict_on_batch(images[:count])
started = time.perf_counter()
for first in range(0, len(images), 32):
    network.predict_on_batch(images[first : first + 32])
print(len(images) / (time.perf_counter() - started))
"""


@dataclass(frozen=True)
class Case:
    slug: str
    count: int


CASES = (
    Case("blood-dnn-relu", count=1_000),
    Case("blood-compact", count=500),
    Case("blood-resnet50", count=500),
)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        names = ("broker", "web", "worker", "beat")
        with running_stack(Path(folder), *names, API_REQUESTS_PER_MINUTE="1000000") as stack:
            for case in CASES:
                measure(stack, case)


def measure(stack: Stack, case: Case) -> None:
    bundle = load_bundle(settings.MODELS_DIR / case.slug)
    shape = (case.count, bundle.input_size, bundle.input_size, bundle.channels)
    pixels = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    # The pixels of neighbours resemble each other in a photograph; noise would not compress.
    pixels[:, 1::2], pixels[:, :, 1::2] = pixels[:, ::2], pixels[:, :, ::2]
    bare = bare_rate(bundle.weights_path, pixels)
    client, images = ApiClient(stack.url), [png(image) for image in pixels]
    whole_rate(client, case.slug, images[:32])  # until the worker has loaded its models
    whole = whole_rate(client, case.slug, images)
    print(
        f"{case.slug}, {case.count} images: {whole:.0f} images/s from the POST to the last result, "
        f"{bare:.0f} images/s in a bare loop, ratio {whole / bare:.2f}"
    )


def bare_rate(weights: Path, pixels: np.typing.NDArray[np.uint8]) -> float:
    with tempfile.NamedTemporaryFile(suffix=".npy") as file:
        np.save(file, pixels)
        file.flush()
        command = [sys.executable, "-c", BARE_LOOP, str(weights), file.name]
        answer = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(answer.stdout.split()[-1])


def whole_rate(client: ApiClient, slug: str, images: list[bytes]) -> float:
    files = [("images", (f"{number}.png", image)) for number, image in enumerate(images)]
    started = time.perf_counter()
    answer = client.session.post(
        f"{client.url}/api/v1/batches/", data={"model": slug}, files=files, timeout=300
    )
    answer.raise_for_status()
    posted = time.perf_counter() - started
    batch = answer.json()["url"]
    # Each question takes the processors from the work that it asks about.
    done = wait_until(
        lambda: client.get(batch)["finished_at"], "the batch is done", seconds=600, every=0.2
    )
    passed = time.perf_counter() - started
    counts = client.get(batch)["counts"]
    assert counts["SUCCESS"] == len(images), (counts, done)  # noqa: S101
    print(f"{slug}: the POST took {posted:.1f} s of {passed:.1f} s")
    return len(images) / passed


def png(pixels: np.typing.NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


if __name__ == "__main__":
    main()
