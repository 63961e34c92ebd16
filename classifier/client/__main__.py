"""`python -m classifier.client FOLDER --model SLUG --url URL --token TOKEN`."""

import argparse
import os
import sys
from io import TextIOWrapper
from pathlib import Path
from urllib.parse import urlsplit

from classifier.client.files import held_alone
from classifier.client.journal import Journal
from classifier.client.run import classify_folder
from classifier.client.site import ClientError, Site

WORDS = {"SUCCESS": "classified", "FAILURE": "failed", "REJECTED": "not taken"}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m classifier.client",
        description="Classify the images in a folder, and write the results as a CSV file. "
        "After an interruption the same command goes on, and sends nothing twice.",
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", action="append", required=True, help="repeat it for several")
    parser.add_argument(
        "--crop",
        choices=["auto", "center", "none", "cells"],
        default="auto",
        help="cells: every white cell of each image",
    )
    parser.add_argument("--platelets", action="store_true", help="with --crop cells: those too")
    parser.add_argument("--box", metavar="LEFT,UPPER,SIDE", help="what to see of every image")
    parser.add_argument(
        "--labels",
        action="append",
        help="a class that is possible, or a group such as white-cells; repeat it; default: all",
    )
    parser.add_argument(
        "--url", type=address, default="http://127.0.0.1:8000", help="default: %(default)s"
    )
    parser.add_argument(
        "--token",
        default=os.environ.get("MEDCLASSIFIER_TOKEN"),
        help="default: the environment variable MEDCLASSIFIER_TOKEN, which no process list shows",
    )
    parser.add_argument("--output", type=Path, default=Path("results.csv"))
    chosen = parser.parse_args()
    if not chosen.token:
        parser.error("a token is needed: --token or MEDCLASSIFIER_TOKEN")
    if chosen.platelets and (chosen.box or chosen.crop != "cells"):
        parser.error("--platelets goes with --crop cells")
    try:
        check_paths(parser, chosen.folder, chosen.output)
    except OSError as error:
        parser.error(f"{error.filename}: {error.strerror}")
    return chosen


def check_paths(parser: argparse.ArgumentParser, folder: Path, output: Path) -> None:
    if not folder.is_dir():
        parser.error(f"{folder} is not a folder")
    if output.is_dir():
        parser.error(f"--output {output} is a folder: name a file in it")
    if not output.parent.is_dir():
        parser.error(f"--output {output}: there is no folder {output.parent}")
    # The longest name of those that are written beside it.
    output.with_name(f"{output.name}.journal.tmp").exists()


def address(text: str) -> str:
    """Of a site, always without a slash at its end, as the journal compares it."""
    parts = urlsplit(text)
    # Raises UnicodeError, a ValueError, for what no name server knows: argparse says so.
    (parts.hostname or "").encode("idna")
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0:
        raise argparse.ArgumentTypeError(f"{text} is no address such as http://127.0.0.1:8000")
    return text.rstrip("/")


def main() -> int:
    # A path that the terminal's encoding lacks is no reason to fail after all the work.
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    chosen = arguments()
    run = {
        "folder": str(chosen.folder.resolve()),
        "url": chosen.url,
        "models": chosen.model,
        "crop": "box" if chosen.box else chosen.crop,
        # Only where chosen, so that a journal of an earlier release goes on.
        **({"box": chosen.box} if chosen.box else {}),
        **({"labels": chosen.labels} if chosen.labels else {}),
        **({"platelets": True} if chosen.platelets else {}),
    }
    try:
        site = Site(chosen.url, chosen.token)
        with held_alone(chosen.output):
            journal = Journal.open(Path(f"{chosen.output}.journal"), run)
            counts = classify_folder(site, chosen.folder, journal, chosen.output)
    except ClientError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. The same command goes on from here.", file=sys.stderr)
        return 130
    summary = ", ".join(f"{counts[status]} {word}" for status, word in WORDS.items())
    print(f"{summary}: {chosen.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
