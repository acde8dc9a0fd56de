"""Where the attended auto-encoder looks in a picture, beside N3's saliency. The model is fitted when asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import streamlit as st

from n3core.datasets.base import ImageRef, classes_of
from n3core.datasets.registry import available_datasets
from n3core.descriptions import TaskSpec
from n3core.figures.saliency import Look, colour_bar, draw_sheet, outline_of, overlay
from n3core.results.attention import AttentionMaps
from n3core.results.benchmark import BenchmarkResults
from n3core.results.saliency import SaliencyMaps, SaliencySettings
from pages.components import task_state
from pages.components.plain import literal
from pages.components.resources import get_dataset
from pages.components.resources_attention import attention_of, fit_attended, known_attended
from pages.components.resources_saliency import part_mask, picture, picture_maps
from pages.components.steps import show_steps
from pages.components.verdicts import pictures_of, task_of

__all__ = ["show"]

_DATA, _CHOSEN = "benchmark_attention_data", "benchmark_attention_picture"
_FIRST, _SYSTEM = "fieldbook-flowers", "attended"
_EACH = 10  # pictures of every class to choose from
_SIDE = 320  # pixels
_LOOK = Look()
_HEADINGS = ("The picture", "Attended auto-encoder, attention", "N3, saliency")
_UNIT = "Attention of a region, or |dE/dpixel|"


def show(results: BenchmarkResults | None) -> None:
    """Show one picture with both maps, or the button that fits the model first.

    Args:
        results: an open file; its dataset is taken at first where it is here, and the settings it found for it.

    Raises:
        InputError: no checkpoint, or a dataset or an image that cannot be read.
    """
    st.markdown(
        "The attended auto-encoder scores every class by the regions that the class's description draws it to. N3 has "
        "no such map of its own: beside it stands its saliency, the pixels that move the loss of the same class."
    )
    names = list(available_datasets())  # a file may name any path: only datasets by name are opened
    dataset = results.setting.dataset if results else ""
    row = st.container(horizontal=True, vertical_alignment="bottom")
    data = row.selectbox(
        "Dataset",
        names,
        index=names.index(dataset if dataset in names else _FIRST),
        key=f"{_DATA} {dataset if dataset in names else ''}",
        persist_state="session",
        width=260,
        help="The model is fitted on the seen classes and looks at pictures of the unseen ones",
    )
    settings = _settings_of(results) if results and data == dataset else None
    if not known_attended(data, settings):
        _show_button(data, settings)
        return
    task = task_of(data, classes_of(get_dataset(data), "test"), f"Unseen classes of {data}")
    refs, truth, _ = pictures_of(task, _EACH)
    order = sorted(range(len(refs)), key=lambda row: (task.names.index(truth[row]), row))
    chosen = _choose(refs, truth, order)
    with row:
        target = _choose_class(task, refs[chosen], truth[chosen])
    _show_picture(task, data, settings, refs[chosen], truth[chosen], target)


def _settings_of(results: BenchmarkResults) -> Mapping[str, Any] | None:
    """The settings of the system in a file, those of its first seed; None where it was not run."""
    runs = results.runs_of(_SYSTEM)
    return dict(runs[0].settings) if runs else None


def _show_button(data: str, settings: Mapping[str, Any] | None) -> None:
    place = st.empty()
    with place.container():
        asked = st.button("Fit the attended auto-encoder", type="primary", icon=":material/experiment:")
        st.caption(
            f"On the seen classes of {literal(data)}, with the base network of the checkpoint and "
            + ("the settings of the open file" if settings else "its usual settings")
            + ". Takes up to a minute the first time; it is kept for all sessions."
        )
    if asked:
        bar = place.progress(0.0, text="Beginning…")
        try:
            fit_attended(data, settings, lambda share, what: bar.progress(share, text=f"{what.capitalize()}…"))
        finally:
            place.empty()
        st.rerun()


def _choose(refs: Sequence[ImageRef], truth: Sequence[str], order: Sequence[int]) -> int:
    """Let the user choose a picture; returns its row."""
    ids = [refs[row].id for row in order]
    chosen = task_state.chosen_image()
    place = ids.index(chosen) if chosen in ids else 0
    titles = {image_id: f"{truth[row]}, {image_id}" for image_id, row in zip(ids, order, strict=True)}
    st.session_state[_CHOSEN] = ids[place]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "Picture", ids, format_func=lambda key: titles.get(key, key), key=_CHOSEN, on_change=_take, width=360
        )
        show_steps(ids, place)
    return order[place]


def _take() -> None:
    task_state.choose_image(st.session_state[_CHOSEN])


def _choose_class(task: TaskSpec, ref: ImageRef, truth: str) -> str:
    return st.selectbox(
        "Looks for",
        task.names,
        index=task.names.index(truth),
        key=f"benchmark_attention_class {ref.id}",
        help="The class whose attention and loss are shown; at first the one that the picture shows",
        width=260,
    )


def _show_picture(
    task: TaskSpec, data: str, settings: Mapping[str, Any] | None, ref: ImageRef, truth: str, target: str
) -> None:
    with st.spinner("Looking where they look…"):
        attention = attention_of(data, settings, ref)
        saliency, _ = picture_maps(task, data, ref, target, "gradient", "loss", SaliencySettings())
        class_id = attention.class_ids[task.names.index(target)]
        rows = _draw(data, ref, attention, class_id, saliency)
    share = attention.of_class(0, class_id).max()
    (name, probability), *_ = saliency.prediction.top(0, 1)
    lines = (
        f"Shows **{literal(truth)}**",
        f"Named **{literal(attention.named(0))}**. The strongest of {attention.regions} regions draws "
        f"{100 * share:.0f} % of the attention, {100 / attention.regions:.0f} % would be even.",
        f"Named **{literal(name)}**, {100 * probability:.0f} %. Every layer adapted.",
    )
    alts = (
        f"{truth}, the picture",
        f"{truth}: attention of the class {target} in the attended auto-encoder, as a heat map",
        f"{truth}: saliency for the loss of the class {target} in N3, as a heat map",
    )
    grid = st.grid(3, min_column_width=190, gap="medium")
    for heading, line, alt, pixels in zip(_HEADINGS, lines, alts, rows, strict=True):
        with grid.cell(), st.container(gap="xsmall"):
            st.markdown(f"**{heading}**")
            st.image(pixels, alt=alt, width="stretch", output_format="PNG")
            st.caption(line)
    _show_shares(data, ref, attention, class_id, saliency)
    bar, save = st.columns([6, 5], gap="large", vertical_alignment="center")
    bar.plotly_chart(
        colour_bar(_UNIT, _LOOK, None),
        key="benchmark_attention_bar",
        config={"displayModeBar": False},
        alt="Colour bar of both maps, each on a scale of its own",
    )
    save.download_button(
        "Save as PNG",
        _sheet(rows, truth, target),
        file_name="attention.png",
        mime="image/png",
        icon=":material/download:",
        on_click="ignore",
    )


def _draw(
    data: str, ref: ImageRef, attention: AttentionMaps, class_id: str, saliency: SaliencyMaps
) -> tuple[np.ndarray, ...]:
    original, mask = picture(data, ref, _SIDE), part_mask(data, ref, _SIDE)
    rim = outline_of(mask[0], _SIDE) if mask else None
    region = attention.of_class(0, class_id)
    limits = (float(np.percentile(region, 99)), float(saliency.limits[0]))
    maps = (region, saliency.magnitude[0])
    overlays = [overlay(original, one, limit, _LOOK, outline=rim) for one, limit in zip(maps, limits, strict=True)]
    return (original, *overlays)


def _show_shares(data: str, ref: ImageRef, attention: AttentionMaps, class_id: str, saliency: SaliencyMaps) -> None:
    found = part_mask(data, ref, saliency.values.shape[1])
    if found is None:
        return
    area = float((found[0] > 0).mean())
    ours = float(saliency.shares(found[0][None], found[1]).saliency[0, 0])
    theirs = attention.share_inside(0, class_id, found[0] > 0)
    st.markdown(
        f"The object covers {100 * area:.0f} % of the picture. It draws {100 * theirs:.0f} % of the auto-encoder's "
        f"attention, {theirs / area:.2f} times its share of the area, and {100 * ours:.0f} % of N3's saliency, "
        f"{ours / area:.2f} times."
    )


def _sheet(rows: Sequence[np.ndarray], truth: str, target: str) -> Callable[[], bytes]:
    def draw() -> bytes:
        from n3core.figures.export import to_png  # with matplotlib, which nothing else here needs

        columns = tuple(heading.lower() for heading in ("The picture", "Attention", "N3, saliency"))
        title = f"Where two systems look for {target}"
        return to_png(draw_sheet([rows], columns, [truth], title=title, unit=_UNIT, look=_LOOK, limit=None))

    return draw
