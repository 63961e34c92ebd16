"""Progress bars for commands: training by batches, downloads by bytes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from classifier.evaluation.batch_predict import Listener as ImagesListener
from classifier.training.trainer import Listener
from classifier.training.trainer import Progress as TrainingProgress


@contextmanager
def training_progress(title: str, epochs: int) -> Iterator[Listener]:
    """Show epoch and time left, and print one line per finished epoch."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left:"),
        TimeRemainingColumn(elapsed_when_finished=False),
    )
    with Progress(*columns, speed_estimate_period=600) as progress:
        task = progress.add_task(title, total=None)

        def listen(step: TrainingProgress) -> None:
            done = (step.epoch - 1) * step.batches_per_epoch + step.batch
            total = epochs * step.batches_per_epoch
            progress.update(task, total=total, completed=done)
            progress.update(task, description=f"{title}, epoch {step.epoch} of {epochs}")
            if record := step.record:
                progress.console.print(
                    f"epoch {record.epoch}: loss {record.loss:.4f}, accuracy "
                    f"{record.accuracy:.4f}; validation: loss {record.val_loss:.4f}, accuracy "
                    f"{record.val_accuracy:.4f}, AUC {record.val_auc:.4f}; {record.seconds:.0f} s",
                    highlight=False,
                    soft_wrap=True,
                )

        yield listen


@contextmanager
def images_progress(title: str) -> Iterator[ImagesListener]:
    """Show which images are predicted and how far it is, beside what a command prints."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as progress:
        task = progress.add_task(title, total=None)
        yield lambda which, done, total: progress.update(
            task, description=f"{title}: {which}", completed=done, total=total
        )


@contextmanager
def download_progress(file_name: str) -> Iterator[Callable[[int, int], None]]:
    """Show bytes and time left from the first bytes received on; a file at hand needs no bar."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, TimeRemainingColumn()) as progress:
        task = progress.add_task(file_name, total=None, visible=False)
        yield lambda received, total: progress.update(
            task, completed=received, total=total or None, visible=True
        )
