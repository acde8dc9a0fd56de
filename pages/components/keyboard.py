"""What the keyboard needs on every page: a focus that leads into a popover as it opens.

Streamlit draws a popover at the end of the page and leaves the focus on its button, a hundred stops before it.
"""

from __future__ import annotations

import streamlit as st

__all__ = ["show"]

_KEY = "popover_focus"
_STYLE = f"""<style>
.st-key-{_KEY} {{ position: absolute; }}  /* draws nothing, and takes no gap either */
</style>"""
_SCRIPT = """
let entered  // the popover that has had the focus once: going back to its button is for the user to do

const isOpen = (element) => element.tabIndex >= 0 && !element.disabled && element.checkVisibility()

function enter() {
  if (!document.activeElement?.closest("[data-testid=stPopover]")) return
  const body = document.querySelector("[data-testid=stPopoverBody]")
  if (!body || body === entered || body.querySelector("[data-testid=stSkeleton]")) return
  const find = (kinds) => [...body.querySelectorAll(kinds)].find(isOpen)
  const field = find("input, textarea, [role=slider]") ?? find("button:not([data-testid=stTooltipIcon] *)")
  if (!field) return
  entered = body
  field.focus()
}

export default function (component) {
  const { parentElement } = component
  parentElement.watching?.disconnect()
  parentElement.watching = new MutationObserver(enter)
  parentElement.watching.observe(document.body, { childList: true, subtree: true })
  return () => parentElement.watching.disconnect()
}
"""
_watch = st.components.v2.component(_KEY, js=_SCRIPT)


def show() -> None:
    """Lay the style and the script under the page; call it before the page, which may stop."""
    st.html(_STYLE)
    _watch(key=_KEY)
