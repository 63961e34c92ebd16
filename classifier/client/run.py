"""From a folder to a table: send, wait, write."""

import hashlib
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

from classifier.client import table
from classifier.client.journal import Item, Journal, Parcel, images
from classifier.client.progress import Bar
from classifier.client.site import ClientError, KeyTaken, NothingAccepted, Refused, Site

ASK_EVERY_SECONDS: Final = 2
NOT_SENT: Final = (
    "This file was not sent, since its name does not end as those of images do, such as .png."
)


def classify_folder(site: Site, folder: Path, journal: Journal, output: Path) -> Counter[str]:
    """Returns how many rows of the table ended in each status."""
    found, left_out = images(folder)
    new = journal.pack(found)
    if not (journal.parcels or new):
        raise ClientError(f"There is no image in {folder}.")
    site.check()
    unread = send(site, folder, journal, new)
    wait(site, journal)
    rows = [row for parcel in journal.parcels for row in rows_of(site, parcel)]
    rows += [table.row_of_rejected(item.text, reason) for item, reason in unread.items()]
    rows += [table.row_of_rejected(item.text, NOT_SENT) for item in left_out]
    table.write(output, rows)
    return Counter(str(row["status"]) for row in rows)


def send(site: Site, folder: Path, journal: Journal, new: list[Parcel]) -> dict[Item, str]:
    """Returns the files that could not be read, with the reason."""
    bar = Bar("Sending")
    unsent = [parcel for parcel in journal.parcels if not parcel.is_sent]
    done = sum(len(parcel.items) for parcel in journal.parcels if parcel.is_sent)
    total = done + sum(len(parcel.items) for parcel in [*unsent, *new])
    unread: dict[Item, str] = {}
    bar.show(done, total)
    for parcel in [*unsent, *new]:
        done += len(parcel.items)
        contents, failed = read(folder, parcel)
        unread |= failed
        if contents:
            send_parcel(site, parcel, contents, journal)
        bar.show(done, total)
    bar.close()
    return unread


def read(folder: Path, parcel: Parcel) -> tuple[dict[Item, bytes], dict[Item, str]]:
    """The files' contents, and the files that cannot be read with the reason."""
    contents, failed = {}, {}
    for item in parcel.items:
        try:
            contents[item] = unchanged(folder, item)
        except OSError as error:
            failed[item] = f"This file could not be read: {error.strerror}."
    return contents, failed


def unchanged(folder: Path, item: Item) -> bytes:
    """A file that changed may have been sent as it was: whether it was cannot be told."""
    path = folder / item.name
    content = path.read_bytes()
    if Item.of(path, folder) != item:
        raise ClientError(
            f"{path} changed while it was being sent. Run the same command again. "
            "If it says the same, choose another --output, which sends all files anew."
        )
    return content


def send_parcel(site: Site, parcel: Parcel, contents: dict[Item, bytes], journal: Journal) -> None:
    is_new = parcel not in journal.parcels
    if is_new:
        journal.add(parcel)
    fields = {"model": journal.run["models"], "crop": journal.run["crop"]}
    fields |= {
        name: journal.run[name] for name in ("box", "labels", "platelets") if name in journal.run
    }
    files = [(item.sent_name, content) for item, content in contents.items()]
    try:
        parcel.batch = site.create_batch(fields, files, parcel.key)["url"]
    except NothingAccepted as refusal:
        parcel.rejected = refusal.rejected
    except KeyTaken as error:
        raise ClientError(taken_message(parcel, journal)) from error
    except Refused:
        # One that a run before this one sent may be stored all the same.
        if is_new:
            journal.remove(parcel)
        raise
    # What could not be read is in no parcel, and the next run tries it again.
    parcel.items = list(contents)
    parcel.digests = {
        item.name: hashlib.sha256(content).hexdigest() for item, content in contents.items()
    }
    journal.save()


def taken_message(parcel: Parcel, journal: Journal) -> str:
    first, last = parcel.items[0].text, parcel.items[-1].text
    return (
        f"The {len(parcel.items)} files from {first} to {last} were sent before, and the site has "
        "stored them, but not as they are now: one has changed or cannot be read any more. "
        "They were not sent again. Bring the files back as they were and run the same command, "
        f"or choose another --output, which sends all files anew. {journal.path} was kept."
    )


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
        return table.rows_of(parcel, [], parcel.rejected)
    answer = site.get(f"{parcel.batch}results.json")
    return table.rows_of(parcel, answer["results"], answer["rejected"])
