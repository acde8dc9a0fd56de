"""Length of a description while it is typed: a script in the browser tells the text at every pause in typing.

The script only reads a text area of this page; it draws nothing and loads nothing. Without it (no JavaScript, a test)
the length is that of the text as it was last applied.
"""

from __future__ import annotations

import streamlit as st

from n3core.errors import InputError
from pages.components.plain import count_words, literal
from pages.components.resources import text_length

__all__ = ["WATCHED", "forget_draft", "show_length", "standing"]

WATCHED = "watched_text"  # key of the container around the text area
_LONGEST = 200_000  # characters that the browser sends
_PAUSE = 300  # milliseconds
_DRAFTS = "drafts"  # session state: key of a class and its text -> what was typed in place of it and not applied
_MOST_DRAFTS = 50
_APPLIED = "drafts_applied"  # session state: how often a text was applied
_SCRIPT = f"""
export default function (component) {{
  const {{ parentElement, setStateValue }} = component
  let timer
  const listen = (event) => {{
    if (!event.target.matches?.(".st-key-{WATCHED} textarea")) return
    clearTimeout(timer)
    timer = setTimeout(() => setStateValue("text", event.target.value.slice(0, {_LONGEST})), {_PAUSE})
  }}
  if (parentElement.listening) document.removeEventListener("input", parentElement.listening)
  parentElement.listening = listen
  document.addEventListener("input", listen)
  return () => {{
    clearTimeout(timer)
    document.removeEventListener("input", parentElement.listening)
  }}
}}
"""
_watch = st.components.v2.component("typing_watch", js=_SCRIPT)


@st.fragment
def show_length(name: str, text: str, key: str) -> None:
    """Show words, tokens and what the text encoder will not read; follows the typing without running the page.

    Args:
        name: the class, for the warning.
        text: the text before anything is typed.
        key: changes with the class and its text, so that nothing typed in place of another one counts.
    """
    shown_here = st.container()
    # What the browser sends late, of a text that was applied meanwhile, must not come back when that is undone.
    times = st.session_state.get(_APPLIED, 0)
    typed = _watch(key=f"typing {times} {key}", default={"text": None}, on_text_change=_heard).text
    if isinstance(typed, str):
        _keep(key, typed, text)
    with shown_here:
        _show(name, text, typed if isinstance(typed, str) else standing(key, text))


def standing(key: str, text: str) -> str:
    """What stands in a text area: the text, or what was typed in its place and not applied.

    The latter outlives a visit to another class or page.
    """
    return st.session_state.get(_DRAFTS, {}).get(key, text)


def forget_draft(key: str) -> None:
    """What was typed is applied now."""
    st.session_state[_DRAFTS] = _others(key)
    st.session_state[_APPLIED] = st.session_state.get(_APPLIED, 0) + 1


def _keep(key: str, typed: str, text: str) -> None:
    drafts = _others(key)
    if typed != text and len(typed) < _LONGEST:
        drafts[key] = typed
    st.session_state[_DRAFTS] = dict([*drafts.items()][-_MOST_DRAFTS:])


def _others(key: str) -> dict[str, str]:
    return {other: kept for other, kept in st.session_state.get(_DRAFTS, {}).items() if other != key}


def _show(name: str, text: str, shown: str) -> None:
    try:
        length = text_length(shown[:_LONGEST])
    except InputError as error:
        st.caption(literal(str(error)))
        return
    state = "in use" if shown == text else "typed, not applied"
    st.caption(f"{count_words(shown)} {state} · {length.tokens:,} of {length.limit:,} tokens")
    if length.dropped_words:
        st.warning(
            f"The text encoder does not read the last {count_words('w ' * length.dropped_words)} of {literal(name)}: "
            "shorten it.",
            icon=":material/content_cut:",
        )


def _heard() -> None:
    """The text is in the session state; the fragment runs again by itself."""
