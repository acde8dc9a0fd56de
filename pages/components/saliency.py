"""What the saliency page explains and how it is drawn: method, target, settings, colours; owns those widgets."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from n3core.descriptions import TaskSpec
from n3core.figures.saliency import COLOUR_MAPS, SIGNED_MAP, Look
from n3core.results.saliency import BASELINES, METHODS, SaliencySettings
from pages.components.resources import get_engine
from pages.components.resources_saliency import grad_cam_stages

__all__ = ["Choice", "show"]

_TARGETS = ("Loss", "Predicted", "True", "Another")
_UNLABELLED = ("Predicted", "Another")
_TARGET, _OTHER, _COLOURS = "saliency_target", "saliency_other", "saliency_colours"
_BASELINE_TITLES = dict(zip(BASELINES, ("mean colour", "black", "white", "the picture, blurred"), strict=True))
_AUTOMATIC = "automatic"


@dataclass(frozen=True)
class Choice:
    """What to explain and how to draw it.

    kind: "Loss" (E of the true class, as in the paper), or the logit of the class that is "Predicted" by the fully
        adapted network, "True" or "Another".
    other: the class to explain where `kind` is "Another".
    one_scale: whether all maps share one scale of colours; else each has its own.
    outline: whether the rim of the object is drawn, where it is known.
    """

    method: str
    kind: str
    other: str
    settings: SaliencySettings
    look: Look
    one_scale: bool
    outline: bool

    @property
    def quantity(self) -> str:
        """What `explain_pixels` takes."""
        return "loss" if self.kind == "Loss" else "logit"

    def target(self, truth: str, guess: str) -> str:
        """The class to explain for a picture of class `truth` that is named `guess`."""
        return {"Predicted": guess, "Another": self.other}.get(self.kind, truth)


def show(task: TaskSpec, *, labelled: bool) -> Choice:
    """Show the controls in one row.

    Args:
        task: described classes.
        labelled: whether the class of every picture is known; else there is no true one to explain.

    Raises:
        InputError: no checkpoint.
    """
    other = task.names[0]
    kinds = _TARGETS if labelled else _UNLABELLED
    if st.session_state.get(_TARGET) not in kinds:
        st.session_state[_TARGET] = kinds[0]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        method = st.selectbox(
            "Method",
            list(METHODS),
            format_func=lambda name: METHODS[name].title,
            key="saliency_method",
            persist_state="session",
            width=210,
        )
        kind = st.segmented_control(
            "Explain",
            kinds,
            required=True,
            key=_TARGET,
            persist_state="session",
            help="The loss E of the true class, as in the paper, or the logit of one class: the one that the fully "
            "adapted network names, the one that the picture shows, or any other",
        )
        if kind == "Another":
            if st.session_state.get(_OTHER) not in task.names:
                st.session_state[_OTHER] = other
            other = st.selectbox("Which class", task.names, key=_OTHER, persist_state="session", width=210)
        with st.popover("Method settings", icon=":material/tune:"):
            settings = _show_settings(method)
        with st.popover("Colours", icon=":material/palette:"):
            look, one_scale, outline = _show_look(method)
    st.caption(METHODS[method].note)
    return Choice(method, kind, other, settings, look, one_scale, outline)


def _show_settings(method: str) -> SaliencySettings:
    usual = SaliencySettings()
    if method == "gradient":
        st.caption("The gradient has no settings.")
        return usual
    if method == "grad_cam":
        stage = st.selectbox(
            "Stage of the network",
            [_AUTOMATIC, *grad_cam_stages()],
            key="saliency_stage",
            persist_state="session",
            help="Later stages know more and see more coarsely; automatic is the last one with at least four rows",
        )
        return SaliencySettings(layer=None if stage == _AUTOMATIC else stage)
    if method == "smoothgrad":
        samples = st.select_slider(
            "Noisy copies", (4, 8, 16, 32, 64), usual.samples, key="saliency_samples", persist_state="session"
        )
        noise = st.slider(
            "Noise (% of the pixel range)",
            0,
            50,
            round(100 * usual.noise),
            key="saliency_noise",
            persist_state="session",
        )
        seed = st.number_input("Seed", 0, 9999, usual.seed, key="saliency_seed", persist_state="session")
        return SaliencySettings(samples=samples, noise=noise / 100, seed=seed)
    baseline = st.selectbox(
        "Absent pixels look like",
        BASELINES,
        format_func=lambda name: _BASELINE_TITLES[name],
        key="saliency_baseline",
        persist_state="session",
    )
    if method == "gradient_x_input":
        return SaliencySettings(baseline=baseline)
    if method == "integrated_gradients":
        steps = st.select_slider(
            "Steps from there to the picture", (8, 16, 32, 64, 128), usual.steps, key="saliency_steps",
            persist_state="session",
        )  # fmt: skip
        return SaliencySettings(steps=steps, baseline=baseline)
    side = get_engine().image_size
    window = st.slider(
        "Covered patch (pixels)", 2, max(3, side // 2), min(usual.window, side // 2), key="saliency_window",
        persist_state="session", help=f"The network sees pictures of {side} x {side} pixels",
    )  # fmt: skip
    stride = st.slider(
        "Pixels from patch to patch", 1, 16, usual.stride, key="saliency_stride", persist_state="session",
        help="Fewer are finer and slower; at most the size of the patch",
    )  # fmt: skip
    return SaliencySettings(window=window, stride=min(stride, window), baseline=baseline)


def _show_look(method: str) -> tuple[Look, bool, bool]:
    maps = [name for name in COLOUR_MAPS if METHODS[method].signed or name != SIGNED_MAP]
    if st.session_state.get(_COLOURS) not in maps:
        st.session_state[_COLOURS] = maps[0]
    colours = st.selectbox(
        "Colour map", maps, format_func=lambda name: COLOUR_MAPS.get(name, name), key=_COLOURS, persist_state="session"
    )
    opacity = st.slider("Opacity (%)", 0, 100, 70, step=5, key="saliency_opacity", persist_state="session")
    one_scale = st.toggle(
        "One scale for all maps",
        key="saliency_one_scale",
        persist_state="session",
        help="Off: the strongest pixels of every map have the brightest colour, which shows where. On: equal values "
        "have equal colours, which shows how much.",
    )
    outline = st.toggle(
        "Outline the object",
        True,
        key="saliency_outline",
        persist_state="session",
        help="On large pictures whose parts are known, those of Fieldbook",
    )
    return Look(colours, opacity / 100), one_scale, outline
