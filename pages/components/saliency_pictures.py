"""Pictures with the maps of both networks: one large, or many on a page. Owns the page number and the filters."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st

from n3core.descriptions import TaskSpec
from n3core.figures.saliency import SIGNED_MAP, colour_bar, draw_sheet, outline_of, overlay
from n3core.results.saliency import METHODS, SaliencyMaps, join_maps
from pages.components import saliency_shares, task_state
from pages.components.plain import literal
from pages.components.progress import late_bar
from pages.components.resources_saliency import part_mask, picture, picture_maps
from pages.components.saliency import Choice
from pages.components.steps import show_steps
from pages.components.verdicts import Verdicts, title_of

__all__ = ["VIEWS", "VIEW_KEY", "show_many", "show_one"]

VIEWS, VIEW_KEY = ("One picture", "A page of them"), "saliency_view"
_NETWORKS = ("Every layer adapted", "Only the last layer generated")
_LARGE, _SMALL = 320, 144  # pixels
_PER_PAGE = 6
_PAGE, _CLASS, _CHOSEN = "saliency_page", "saliency_class", "saliency_picture"
_ALL = "All classes"


@dataclass(frozen=True, eq=False)
class _Panels:
    """N pictures with both maps of each.

    rows: per picture, the original and both overlays, (P, P, 3) uint8.
    limit: where the colours of all maps end; None where each has its own.
    """

    whole: SaliencyMaps
    last: SaliencyMaps
    rows: list[tuple[np.ndarray, np.ndarray, np.ndarray]]
    limit: float | None


def show_one(task: TaskSpec, verdicts: Verdicts, choice: Choice) -> None:
    """Show the chosen picture large, with both maps, the colour bar and the shares."""
    order = sorted(range(len(verdicts.refs)), key=lambda row: ((*task.names, "").index(verdicts.truth[row]), row))
    ids = [verdicts.refs[row].id for row in order]
    chosen = task_state.chosen_image()
    place = ids.index(chosen) if chosen in ids else 0
    _show_steps(verdicts, order, place)
    row = order[place]
    panels = _compute(task, verdicts, [row], choice, _LARGE)
    truth, target = str(verdicts.truth[row]), choice.target(str(verdicts.truth[row]), str(verdicts.guesses[row]))
    headings = ("The picture", *_NETWORKS)
    shows = f"Shows **{literal(truth)}**" if truth else "A picture of your own"
    lines = [shows, *(f"Named {_named(maps, 0)}" for maps in (panels.whole, panels.last))]
    grid = st.grid(3, min_column_width=190, gap="medium")
    for heading, line, pixels in zip(headings, lines, panels.rows[0], strict=True):
        with grid.cell(), st.container(gap="xsmall"):
            st.markdown(f"**{heading}**")
            st.image(
                pixels, alt=_alt(heading, truth or "Own picture", target, choice), width="stretch", output_format="PNG"
            )
            st.caption(line)
    _show_legend(panels, choice, [_label(verdicts, row)], f"Saliency for {_what(choice, target)}")
    _show_shares(verdicts, [row], panels)


def show_many(task: TaskSpec, verdicts: Verdicts, choice: Choice) -> None:
    """Show pictures page by page, three small images each, and the mean shares of the page."""
    if st.session_state.get(_CLASS) not in (_ALL, *task.names):
        st.session_state[_CLASS] = _ALL
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name, wrong = _ALL, False
        if verdicts.known.any():
            name = st.selectbox("Class", (_ALL, *task.names), key=_CLASS, persist_state="session", width=260)
            wrong = st.toggle("Wrongly named only", key="saliency_wrong", persist_state="session")
    keep = (verdicts.truth == name) | (name == _ALL)
    rows = [int(row) for row in np.flatnonzero(keep & verdicts.wrong if wrong else keep)]
    if not rows:
        st.info(
            "No picture is left. Choose another class, or show those named rightly too.", icon=":material/search_off:"
        )
        return
    pages = math.ceil(len(rows) / _PER_PAGE)
    if st.session_state.get(_PAGE, 1) > pages:
        st.session_state[_PAGE] = 1
    number = st.pagination(pages, key=_PAGE, persist_state="session") if pages > 1 else 1
    rows = rows[(number - 1) * _PER_PAGE : number * _PER_PAGE]
    panels = _compute(task, verdicts, rows, choice, _SMALL)
    st.caption(f"From left to right: the picture, {_NETWORKS[0].lower()}, {_NETWORKS[1].lower()}.")
    grid = st.grid("auto", min_column_width=320, gap="medium")
    for index, row in enumerate(rows):
        label = _label(verdicts, row)
        target = choice.target(str(verdicts.truth[row]), str(verdicts.guesses[row]))
        with grid.cell(), st.container(gap="xxsmall"):
            alts = [_alt(heading, label, target, choice) for heading in ("The picture", *_NETWORKS)]
            st.image(list(panels.rows[index]), width=98, alt=alts, output_format="PNG")
            st.button(
                literal(label),
                key=f"saliency {verdicts.refs[row].id}",
                type="tertiary",
                help="Show this picture large",
                on_click=_open,
                args=(verdicts.refs[row].id,),
            )
            st.caption(f"Every layer: {_named(panels.whole, index)}  \nLast layer only: {_named(panels.last, index)}")
    labels = [_label(verdicts, row) for row in rows]
    _show_legend(panels, choice, labels, f"Saliency for {_what(choice, choice.other)}")
    _show_shares(verdicts, rows, panels)


def _compute(task: TaskSpec, verdicts: Verdicts, rows: Sequence[int], choice: Choice, size: int) -> _Panels:
    wholes, lasts = [], []
    with st.spinner("Looking where the networks look…"), late_bar("pictures explained") as progress:
        for done, row in enumerate(rows):
            target = choice.target(str(verdicts.truth[row]), str(verdicts.guesses[row]))
            progress(done, len(rows))
            whole, last = picture_maps(
                task, verdicts.data, verdicts.refs[row], target, choice.method, choice.quantity, choice.settings
            )
            wholes.append(whole)
            lasts.append(last)
        originals = [picture(verdicts.data, verdicts.refs[row], size) for row in rows]
    whole, last = join_maps(wholes), join_maps(lasts)
    limit = float(max(whole.limits.max(), last.limits.max())) if choice.one_scale else None
    overlays = []
    for index, row in enumerate(rows):
        found = part_mask(verdicts.data, verdicts.refs[row], size) if choice.outline and size == _LARGE else None
        rim = outline_of(found[0], size) if found else None
        original = originals[index]
        both = [
            overlay(
                original,
                maps.values[index] if choice.look.colour_map == SIGNED_MAP else maps.magnitude[index],
                float(maps.limits[index]) if limit is None else limit,
                choice.look,
                outline=rim,
            )
            for maps in (whole, last)
        ]
        overlays.append((original, *both))
    return _Panels(whole, last, overlays, limit)


def _show_legend(panels: _Panels, choice: Choice, labels: list[str], title: str) -> None:
    unit = panels.whole.unit
    title = f"{title}: {METHODS[choice.method].title}"
    bar, save = st.columns([6, 5], gap="large", vertical_alignment="center")
    bar.plotly_chart(
        colour_bar(unit, choice.look, panels.limit),
        key="saliency_colour_bar",
        config={"displayModeBar": False},
        alt=f"Colour bar of the maps: {unit}",
    )
    save.download_button(
        "Save as PNG",
        _sheet(panels, choice, labels, title),
        file_name=f"saliency-{choice.method.replace('_', '-')}.png",
        mime="image/png",
        icon=":material/download:",
        on_click="ignore",
    )


def _sheet(panels: _Panels, choice: Choice, labels: list[str], title: str) -> Callable[[], bytes]:
    def draw() -> bytes:
        from n3core.figures.export import to_png  # with matplotlib, which nothing else here needs

        columns = ("picture", *(name.lower() for name in _NETWORKS))
        unit = panels.whole.unit
        return to_png(
            draw_sheet(panels.rows, columns, labels, title=title, unit=unit, look=choice.look, limit=panels.limit)
        )

    return draw


def _show_shares(verdicts: Verdicts, rows: Sequence[int], panels: _Panels) -> None:
    side = panels.whole.values.shape[1]
    found = [part_mask(verdicts.data, verdicts.refs[row], side) for row in rows]
    masks = [each[0] for each in found if each is not None]
    if found[0] is None or len(masks) < len(rows):
        st.caption("Where the parts lie is known for the plates of Fieldbook only: no shares are measured here.")
        return
    saliency_shares.show(panels.whole, panels.last, masks, found[0][1])


def _show_steps(verdicts: Verdicts, order: list[int], place: int) -> None:
    ids = [verdicts.refs[row].id for row in order]
    titles = {
        image_id: title_of(verdicts.refs[row], str(verdicts.truth[row]), str(verdicts.guesses[row]))
        for image_id, row in zip(ids, order, strict=True)
    }
    st.session_state[_CHOSEN] = ids[place]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "Picture", ids, format_func=lambda key: titles.get(key, key), key=_CHOSEN, on_change=_take, width=360
        )
        show_steps(ids, place)


def _take() -> None:
    task_state.choose_image(st.session_state[_CHOSEN])


def _open(image_id: str) -> None:
    task_state.choose_image(image_id)
    st.session_state[VIEW_KEY] = VIEWS[0]


def _named(maps: SaliencyMaps, index: int) -> str:
    (name, probability), *_ = maps.prediction.top(index, 1)
    return f"**{literal(name)}**, {100 * probability:.0f} %"


def _what(choice: Choice, target: str) -> str:
    if choice.kind == "Loss":
        return "the loss of the true class"
    if choice.kind == "Another":
        return f"the logit of {target}"
    return f"the logit of the {choice.kind.lower()} class"


def _label(verdicts: Verdicts, row: int) -> str:
    """The class that a picture shows; where that is not known, its name."""
    return str(verdicts.truth[row]) or verdicts.refs[row].id


def _alt(heading: str, label: str, target: str, choice: Choice) -> str:
    if heading == "The picture":
        return f"{label}, the picture"
    return f"{label}, {heading.lower()}: {METHODS[choice.method].title} heat map for {_what(choice, target)}"
