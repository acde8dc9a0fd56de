"""What is asked for, in the words of a command line, and the bench that answers to it. Knows no system."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from n3core.benchmark.attribute_bench import AttributeBench
from n3core.benchmark.bases import open_base
from n3core.benchmark.bench import Bench, ImageBench
from n3core.benchmark.source import open_source
from n3core.benchmark.texts import TextReader
from n3core.datasets.gbu import is_gbu, open_gbu
from n3core.errors import InputError
from n3core.files import cache_folder

__all__ = ["BenchRequest"]


@dataclass(frozen=True)
class BenchRequest:
    """The options that decide what a run is of.

    data: name or path of a dataset, or a folder of published feature files.
    split: one of the dataset's own splits; None takes its default.
    split_file: file of classes instead of a split.
    descriptions: file of texts instead of the dataset's own.
    images_per_class: most images of each class and part; None takes all.
    base: folder of a base network or checkpoint; None takes the shipped checkpoint's base.
    text_encoder, text_mode: how texts are read; None takes the checkpoint's way, or the default.
    device: "cpu" or "cuda".
    command: the words on the command line, for the record.
    """

    data: str
    split: str | None = None
    split_file: Path | None = None
    descriptions: Path | None = None
    images_per_class: int | None = None
    base: Path | None = None
    text_encoder: str | None = None
    text_mode: str | None = None
    device: str = "cpu"
    command: Sequence[str] = ()

    def open(self) -> Bench:
        """Open and check everything; nothing is decoded or computed.

        Raises:
            InputError: anything that cannot be opened or does not fit together.
        """
        if is_gbu(Path(self.data)):
            return self._open_features()
        source = open_source(
            self.data,
            split=self.split,
            split_file=self.split_file,
            descriptions=self.descriptions,
            limit=self.images_per_class,
        )
        network = open_base(self.base, self.device)
        reader = TextReader(
            self.text_encoder or network.text.name, self.text_mode or network.text.mode, cache_folder() / "texts"
        )
        return ImageBench(source, network, reader, self.command)

    def _open_features(self) -> AttributeBench:
        unused = {
            "--split": self.split,
            "--split-file": self.split_file,
            "--descriptions": self.descriptions,
            "--images-per-class": self.images_per_class,
            "--base": self.base,
            "--text-encoder": self.text_encoder,
            "--text-mode": self.text_mode,
        }
        for option, value in unused.items():
            if value is not None:
                raise InputError(f"{option} {str(value)!r}: {self.data} holds features with their split; leave it out")
        return AttributeBench(open_gbu(Path(self.data)), self.device, self.command)
