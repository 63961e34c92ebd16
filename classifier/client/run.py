"""From a folder to a table: send, wait, write."""

import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

from classifier.client import table
from classifier.client.journal import Item, Journal, Parcel
from classifier.client.progress import Bar
from classifier.client.site import ClientError, NothingAccepted, Refused, Site

ASK_EVERY_SECONDS: Final = 2


def classify_folder(site: Site, folder: Path, journal: Journal, output: Path) -> Counter[str]:
    """Returns how many rows of the table ended in each status."""
    journal.add(folder)
    if not journal.parcels:
        raise ClientError(f"There is no image in {folder}.")
    send(site, folder, journal)
    wait(site, journal)
    rows = [row for parcel in journal.parcels for row in rows_of(site, parcel)]
    table.write(output, rows)
    return Counter(str(row["status"]) for row in rows)


def send(site: Site, folder: Path, journal: Journal) -> None:
    bar = Bar("Sending")
    total = sum(len(parcel.items) for parcel in journal.parcels)
    for parcel in journal.parcels:
        if not parcel.is_sent:
            send_parcel(site, folder, parcel, journal)
            journal.save()
        done = sum(len(parcel.items) for parcel in journal.parcels if parcel.is_sent)
        bar.show(done, total)
    bar.close()


def send_parcel(site: Site, folder: Path, parcel: Parcel, journal: Journal) -> None:
    files = [(item.name, unchanged(folder, item)) for item in parcel.items]
    fields = {"model": journal.run["models"], "crop": journal.run["crop"]}
    try:
        parcel.batch = site.create_batch(fields, files, parcel.key)["url"]
    except NothingAccepted as refusal:
        parcel.rejected = refusal.rejected
    except Refused:
        journal.forget_unsent()
        raise


def unchanged(folder: Path, item: Item) -> bytes:
    """A file that changed may have been sent as it was: whether it was cannot be told."""
    path = folder / item.name
    if not path.exists() or Item.of(path) != item:
        raise ClientError(f"{path} changed while it was being sent. Choose another --output.")
    return path.read_bytes()


def wait(site: Site, journal: Journal) -> None:
    bar = Bar("Classifying")
    waiting = [parcel.batch for parcel in journal.parcels if parcel.batch]
    progress: dict[str, tuple[int, int]] = {}
    while waiting:
        for batch in waiting[:]:
            answer = site.get(batch)
            left = answer["counts"]["PENDING"] + answer["counts"]["STARTED"]
            progress[batch] = (answer["total"] - left, answer["total"])
            if left:
                break
            waiting.remove(batch)
        done, total = (sum(column) for column in zip(*progress.values(), strict=True))
        bar.show(done, max(total, done + len(waiting)))
        if waiting:
            time.sleep(ASK_EVERY_SECONDS)
    bar.close()


def rows_of(site: Site, parcel: Parcel) -> list[dict[str, Any]]:
    if not parcel.batch:
        return [table.row_of_rejected(rejected) for rejected in parcel.rejected]
    answer = site.get(f"{parcel.batch}results.json")
    results = [table.row_of(prediction) for prediction in answer["results"]]
    return results + [table.row_of_rejected(rejected) for rejected in answer["rejected"]]
