"""Completed predictions a second with eight clients, beside FastAPI, Gradio, BentoML and LitServe.

`python -m benchmarks.peers` installs them from PyPI into an environment of their own under var/,
starts one after the other on the same network, and ours as `make run` does, and prints one table.
Ours stores each image, asks who sends it, counts it and queues it; the others do nothing of that.
"""

import argparse
import io
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import venv
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from itertools import count
from pathlib import Path
from typing import Final

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "medclassifier.settings")

import django

django.setup()

import numpy as np  # noqa: E402
import requests  # noqa: E402
from django.conf import settings  # noqa: E402
from PIL import Image  # noqa: E402

from classifier.synthetic import samples  # noqa: E402
from tests.processes.stack import ApiClient, free_port, running_stack, wait_until  # noqa: E402

CLIENTS, SECONDS, WARM_UP_SECONDS = 8, 20.0, 5.0
OURS: Final = "ours"
MODEL = "blood-dnn-relu"
SERVERS = Path(__file__).parent / "servers"
PACKAGES = ("fastapi", "uvicorn", "python-multipart", "gradio", "bentoml", "litserve")
LIMITS = {"API_REQUESTS_PER_MINUTE": "1000000", "MAX_WAITING_PREDICTIONS": "1000000"}

# Sends an image and returns when its answer is there; raises where there is none.
Ask = Callable[[requests.Session, bytes], None]


@dataclass(frozen=True)
class Peer:
    """A server: its command, which lies among the programs of the environment, and its asker."""

    name: str
    command: str
    asker: Callable[[str], Ask]


def main() -> None:
    names = [*(peer.name.partition(",")[0] for peer in PEERS), OURS]
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--seconds", type=float, default=SECONDS, help="how long each is asked")
    asked.add_argument("--only", choices=names, action="append", help="leave out the others")
    options = asked.parse_args()
    chosen = options.only or names
    peers = [peer for peer in PEERS if peer.name.partition(",")[0] in chosen]
    programs = installed(settings.VAR_DIR / "peers") / "bin"
    rows = [
        row(peer.name, *measured_peer(peer, programs, options.seconds), options.seconds)
        for peer in peers
    ]
    if OURS in chosen:
        rows += measured_ours(options.seconds)
    print(f"{CLIENTS} clients, JPEG of 360 x 363 pixels, {MODEL}")
    print("| server | completed/s | p50 ms | p95 ms | errors |\n|---|---|---|---|---|")
    print("\n".join(rows))


def measured_ours(seconds: float) -> list[str]:
    with (
        tempfile.TemporaryDirectory() as folder,
        running_stack(Path(folder), "broker", "web", "worker", "beat", **LIMITS) as stack,
    ):
        client = ApiClient(stack.url)
        ours = {"Authorization": str(client.session.headers["Authorization"])}
        address = f"{stack.url}/api/v1/predictions/"
        ways = {
            "ours, ?wait=30": waiting(address, ours),
            "ours, asked again": polling(address, ours),
        }
        return [row(name, *measured(ask, seconds), seconds) for name, ask in ways.items()]


def installed(folder: Path) -> Path:
    """An environment with the others; TensorFlow it takes from the one that runs this."""
    done = folder / "installed"
    if not done.exists():
        venv.create(folder, with_pip=True, clear=True)
        pip = [folder / "bin/python", "-m", "pip", "install", "--quiet"]
        # TensorFlow is built for this NumPy; a newest Pillow would call for an old Gradio.
        subprocess.run([*map(str, pip), *PACKAGES, f"numpy=={version('numpy')}"], check=True)
        done.touch()
    library = Path(np.__file__).parents[1]
    own = next((folder / "lib").glob("python*/site-packages"))
    # Behind its own packages on the path.
    (own / "tensorflow_of_ours.pth").write_text(f"{library}\n")
    return folder


def measured_peer(peer: Peer, programs: Path, seconds: float) -> tuple[list[float], int]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = shlex.split(f"{programs}/{peer.command.format(port=port)}")
    environment = {
        **os.environ,
        "NETWORK": str(settings.MODELS_DIR / MODEL / "model.keras"),
        "GRADIO_ANALYTICS_ENABLED": "False",
        "BENTOML_DO_NOT_TRACK": "True",
        "PATH": f"{programs}:{os.environ['PATH']}",
    }
    with process(command, environment):
        ask = peer.asker(url)
        wait_until(lambda: answers(ask), f"{peer.name} answers", seconds=180, every=0.5)
        return measured(ask, seconds)


@contextmanager
def process(command: list[str], environment: dict[str, str]) -> Iterator[None]:
    """A server with all of its own processes, until the block ends."""
    started = subprocess.Popen(
        command, cwd=SERVERS, env=environment, stdout=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield
    finally:
        os.killpg(started.pid, 15)
        started.wait(timeout=60)


def answers(ask: Ask) -> bool:
    try:
        ask(requests.Session(), next(IMAGES))
    except (requests.RequestException, RuntimeError):
        return False
    return True


def images() -> Iterator[bytes]:
    """A drawn cell with the noise of a camera, each time as another file."""
    with Image.open(io.BytesIO(samples.draw("synthetic-neutrophil"))) as drawn:
        values = np.asarray(drawn.convert("RGB").resize((360, 363)), float)
    noisy = values + np.random.default_rng(1).normal(0, 4, values.shape)
    buffer = io.BytesIO()
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=90)
    jpeg = buffer.getvalue()
    for number in count():
        yield jpeg[:2] + b"\xff\xfe\x00\x0a%08d" % number + jpeg[2:]


class Shared:
    """An iterator that several threads draw from."""

    def __init__(self, items: Iterator[bytes]) -> None:
        self.items, self.lock = items, threading.Lock()

    def __next__(self) -> bytes:
        with self.lock:
            return next(self.items)


IMAGES = Shared(images())


def measured(ask: Ask, seconds: float) -> tuple[list[float], int]:
    """Milliseconds of each answer after the warm-up, and how many requests failed.

    Every client asks again as soon as it has its answer.
    """
    start = time.perf_counter()

    def client(number: int) -> tuple[list[float], int]:
        session, taken, errors = requests.Session(), [], 0
        while (now := time.perf_counter()) - start < WARM_UP_SECONDS + seconds:
            image = next(IMAGES)
            try:
                ask(session, image)
            except (requests.RequestException, RuntimeError):
                errors += 1
                continue
            if now - start > WARM_UP_SECONDS:
                taken.append(1000 * (time.perf_counter() - now))
        return taken, errors

    with ThreadPoolExecutor(CLIENTS) as pool:
        parts = list(pool.map(client, range(CLIENTS)))
    return [each for taken, _ in parts for each in taken], sum(errors for _, errors in parts)


def row(name: str, milliseconds: list[float], errors: int, seconds: float) -> str:
    ordered = sorted(milliseconds) or [float("nan")]
    p50, p95 = statistics.median(ordered), ordered[int(0.95 * len(ordered))]
    rate = len(milliseconds) / seconds
    return f"| {name} | {rate:.0f} | {p50:.0f} | {p95:.0f} | {errors} |"


def posting(url: str) -> Ask:
    """One request with the image as a file of a form."""

    def ask(session: requests.Session, image: bytes) -> None:
        files = {"image": ("cell.jpg", image, "image/jpeg")}
        answer = session.post(f"{url}/predict", files=files, timeout=60)
        answer.raise_for_status()
        if len(answer.json()["probabilities"]) != 8:
            raise RuntimeError(answer.text)

    return ask


def asking_gradio(url: str) -> Ask:
    """Three requests: the file, the call, and its answer as an event."""
    api = f"{url}/gradio_api"

    def ask(session: requests.Session, image: bytes) -> None:
        files = {"files": ("cell.jpg", image, "image/jpeg")}
        [path] = session.post(f"{api}/upload", files=files, timeout=60).json()
        data = [{"path": path, "meta": {"_type": "gradio.FileData"}}]
        call = session.post(f"{api}/call/predict", json={"data": data}, timeout=60).json()
        answer = session.get(f"{api}/call/predict/{call['event_id']}", timeout=60)
        if "event: complete" not in answer.text:
            raise RuntimeError(answer.text)

    return ask


def waiting(address: str, headers: dict[str, str]) -> Ask:
    """Ours, whose answer waits for the result."""

    def ask(session: requests.Session, image: bytes) -> None:
        answer = created(session, f"{address}?wait=30", headers, image)
        if answer.status_code != 200 or answer.json()["status"] != "SUCCESS":
            raise RuntimeError(answer.text)

    return ask


def polling(address: str, headers: dict[str, str]) -> Ask:
    """Ours, asked for the result until it is there."""

    def ask(session: requests.Session, image: bytes) -> None:
        body = created(session, address, headers, image).json()
        while body["status"] in {"PENDING", "STARTED"}:
            time.sleep(0.03)
            body = session.get(body["url"], headers=headers, timeout=60).json()
        if body["status"] != "SUCCESS":
            raise RuntimeError(str(body))

    return ask


def created(
    session: requests.Session, address: str, headers: dict[str, str], image: bytes
) -> requests.Response:
    files = {"image": ("cell.jpg", image, "image/jpeg")}
    answer = session.post(address, headers=headers, data={"model": MODEL}, files=files, timeout=60)
    answer.raise_for_status()
    return answer


PEERS = (
    Peer("FastAPI, model.predict", "python fastapi_server.py {port}", posting),
    Peer("Gradio", "python gradio_server.py {port}", asking_gradio),
    Peer("BentoML", "bentoml serve bentoml_server:Classifier --port {port}", posting),
    Peer("LitServe, batching", "python litserve_server.py {port}", posting),
)

if __name__ == "__main__":
    sys.exit(main())
