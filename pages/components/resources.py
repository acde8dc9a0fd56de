"""Everything that is kept between reruns and shared between sessions: the engine, datasets, pictures, predictions.

Every cache is bounded and keyed by content or by file time; nothing here is changed after it was made.
"""

from __future__ import annotations

import importlib
import io
import os
import tempfile
import threading
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from PIL import Image

from n3core.datasets.base import Dataset, ImageRef, square_pixels
from n3core.datasets.registry import open_dataset
from n3core.datasets.uploads import UploadedPictures
from n3core.descriptions import TaskSpec, dump_task, load_task
from n3core.known_checkpoints import CONFIG, default_checkpoint, known_checkpoints, title_of
from pages.components.address import chosen_model
from pages.components.resources_stamps import file_stamp, state_of
from pages.components.resources_uploads import uploads_by_name

if TYPE_CHECKING:  # torch loads with the engine, not with the first page
    from n3core.engine import Engine
    from n3core.results import Prediction
    from n3core.text_encoder import TextLength

__all__ = [
    "checkpoint_stamp",
    "classifier_file",
    "get_dataset",
    "get_engine",
    "large_picture",
    "models",
    "predict",
    "sample_tasks",
    "square_pictures",
    "task_file",
    "text_length",
    "thumbnail",
    "warm_up",
]

_TASKS = Path(__file__).resolve().parents[2] / "assets" / "tasks"
_FIRST_TASK = "flowers"  # with the bad windflower entry: the story to begin with
_THUMBNAIL = 192  # pixels
_LARGE = 640  # pixels


def get_dataset(name: str) -> Dataset:
    """Open a dataset by name or path; a path is read anew where files were added, removed or replaced.

    Raises:
        InputError: as `open_dataset`.
    """
    if name.startswith(UploadedPictures.PREFIX):
        return uploads_by_name(name)
    return _dataset(name, *state_of(name))


@st.cache_resource(max_entries=16, ttl="2h", show_spinner="Opening the dataset…")
def _dataset(name: str, stamp: int, root: str) -> Dataset:
    return open_dataset(name)


@st.cache_resource(show_spinner=False)
def warm_up() -> threading.Thread:
    """Import what the engine needs in the background, once, so that the page that needs it opens sooner."""
    thread = threading.Thread(target=_import_engine, name="warm-up", daemon=True)
    thread.start()
    return thread


def _import_engine() -> None:
    importlib.import_module("n3core.engine")
    importlib.import_module("transformers.models.bert.modeling_bert")


def models() -> Mapping[str, Path]:
    """The checkpoints to choose from, title -> folder, the default first. A title that is taken gets a number."""
    folders = known_checkpoints()
    return _models(folders, tuple(file_stamp(folder / CONFIG) for folder in folders))


@lru_cache(maxsize=4)
def _models(folders: tuple[Path, ...], stamps: tuple[int, ...]) -> Mapping[str, Path]:
    found: dict[str, Path] = {}
    for folder in folders:
        title = title_of(folder)
        same = sum(known == title or known.startswith(f"{title} (") for known in found)
        found[f"{title} ({same + 1})" if same else title] = folder
    return MappingProxyType(found)


def get_engine() -> Engine:
    """The engine on the checkpoint that this session has chosen, shared with all who chose the same.

    Raises:
        InputError: the checkpoint is missing or damaged.
    """
    warm_up().join()  # two threads that import transformers at once find it half made
    folder = models().get(chosen_model() or "", default_checkpoint())
    return _engine(folder, file_stamp(folder / CONFIG))


@st.cache_resource(max_entries=2, show_spinner="Loading the network and the text encoder…")
def _engine(folder: Path, stamp: int) -> Engine:
    from n3core.engine import Engine

    return Engine(folder, device=os.environ.get("N3_DEVICE") or "auto")


def thumbnail(data: str, ref: ImageRef) -> bytes:
    """A square picture as JPEG bytes, at most 192 pixels wide.

    Args:
        data: name or path of the dataset.
        ref: the image.

    Raises:
        InputError: the image cannot be read.
    """
    return _thumbnail(data, *state_of(data), ref)


@st.cache_data(max_entries=3000, ttl="1h", show_spinner=False)
def _thumbnail(data: str, stamp: int, root: str, ref: ImageRef) -> bytes:
    image = get_dataset(data).load_image(ref)
    return _encode(Image.fromarray(square_pixels(image, min(_THUMBNAIL, *image.size))))


def large_picture(data: str, ref: ImageRef) -> bytes:
    """The whole picture, as large as is sensible: plates are drawn at 640 pixels, small photographs enlarged.

    Raises:
        InputError: the image cannot be read.
    """
    return _large_picture(data, get_dataset(data).version, ref)


@st.cache_data(max_entries=64, ttl="1h", show_spinner="Drawing the picture…")
def _large_picture(data: str, version: str, ref: ImageRef) -> bytes:
    dataset = get_dataset(data)
    if hasattr(dataset, "plate"):
        return _encode(Image.fromarray(dataset.plate(ref, _LARGE)[0]))
    image = dataset.load_image(ref)
    scale = _LARGE / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return _encode(image.resize(size, Image.Resampling.BICUBIC))


def _encode(image: Image.Image) -> bytes:
    target = io.BytesIO()
    image.save(target, "JPEG", quality=90)  # st.image makes a JPEG of all else, on every rerun
    return target.getvalue()


def checkpoint_stamp(engine: Engine) -> str:
    """What tells checkpoints apart, those that follow one another in one folder too."""
    return f"{engine.checkpoint}:{file_stamp(engine.checkpoint / CONFIG)}"


def square_pictures(data: str, refs: tuple[ImageRef, ...], size: int) -> np.ndarray:
    """Pictures of a dataset as the network sees them, (N, S, S, 3) uint8, not to be written to.

    Raises:
        InputError: an image cannot be read.
    """
    return _pixels(data, get_dataset(data).version, refs, size)


@st.cache_resource(max_entries=8, ttl="1h", show_spinner=False)  # pixels of 400 pictures at 96 pixels are 11 MB
def _pixels(data: str, version: str, refs: tuple[ImageRef, ...], size: int) -> np.ndarray:
    pixels = np.empty((len(refs), size, size, 3), np.uint8)
    for row, ref in enumerate(refs):
        pixels[row] = _square(data, version, ref, size)
    return pixels


@st.cache_resource(max_entries=2000, ttl="1h", show_spinner=False)  # a class or a picture more: the others are there
def _square(data: str, version: str, ref: ImageRef, size: int) -> np.ndarray:
    return square_pixels(get_dataset(data).load_image(ref), size)


def predict(task: TaskSpec, data: str, refs: tuple[ImageRef, ...]) -> Prediction:
    """Classify pictures of a dataset into the classes of a task.

    Raises:
        InputError: no checkpoint, or an image that cannot be read.
    """
    engine = get_engine()
    version = get_dataset(data).version
    return _predict(engine, checkpoint_stamp(engine), task.names, task.texts, data, version, refs)


@st.cache_data(max_entries=64, show_spinner="Synthesizing the network and judging the pictures…")
def _predict(
    _engine: Engine,
    checkpoint: str,
    names: tuple[str, ...],
    texts: tuple[str, ...],
    data: str,
    version: str,
    refs: tuple[ImageRef, ...],
) -> Prediction:
    from n3core.descriptions import ClassDescription

    task = TaskSpec(tuple(ClassDescription(name, text) for name, text in zip(names, texts, strict=True)))
    return _engine.predict(task, square_pictures(data, refs, _engine.image_size))


def text_length(text: str) -> TextLength:
    """How many tokens a text has, and what of it the text encoder would not read; quick, nothing is encoded.

    Raises:
        InputError: no checkpoint.
    """
    return get_engine().text_length(text)


def classifier_file(engine: Engine, task: TaskSpec) -> bytes:
    """The synthesized classifier of a task as safetensors bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "classifier.safetensors"
        engine.export(task, path)
        return path.read_bytes()


def task_file(task: TaskSpec) -> bytes:
    """A task as the bytes of a json file."""
    return dump_task(task).encode("utf-8", "replace")


@st.cache_data(max_entries=1, ttl="10m", show_spinner=False)
def sample_tasks() -> list[TaskSpec]:
    """The tasks that ship with the project, the one to begin with first."""
    paths = sorted(_TASKS.glob("*.json"), key=lambda path: (path.stem != _FIRST_TASK, path.stem))
    return [load_task(path) for path in paths]
