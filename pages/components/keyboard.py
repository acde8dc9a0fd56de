"""What the keyboard needs on every page: a focus that leads into a popover as it opens, and back as it closes.

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
let entered = null  // the popover that has had the focus once: leaving it is for the user to do
let home = null  // the button that opened it

const findHome = () =>
  [...document.querySelectorAll("[data-testid=stPopoverButton]")].find(
    (button) => button === home || (!home.isConnected && button.textContent === home.textContent))

// A rerun that follows may draw the button anew, and the focus with it is lost to the page.
function goHome() {
  if (entered?.isConnected || !home) return
  entered = null
  if (document.activeElement === document.body) findHome()?.focus({ preventScroll: true })
  else if (document.activeElement !== home) home = null
}

const isOpen = (element) => element.tabIndex >= 0 && !element.disabled && element.checkVisibility()

function enter() {
  if (!document.activeElement?.closest("[data-testid=stPopover]")) return
  const body = document.querySelector("[data-testid=stPopoverBody]")
  if (!body || body === entered || body.querySelector("[data-testid=stSkeleton]")) return
  const find = (kinds) => [...body.querySelectorAll(kinds)].find(isOpen)
  const field = find("input, textarea, [role=slider]") ?? find("button:not([data-testid=stTooltipIcon] *)")
  if (!field) return
  entered = body
  home = document.activeElement
  field.focus()
}

const stay = () => { home = null }  // who points has no need of a way back

function follow() {
  goHome()
  enter()
}

export default function (component) {
  const { parentElement } = component
  parentElement.watching?.disconnect()
  parentElement.watching = new MutationObserver(follow)
  parentElement.watching.observe(document.body, { childList: true, subtree: true })
  document.addEventListener("pointerdown", stay)
  return () => {
    parentElement.watching.disconnect()
    document.removeEventListener("pointerdown", stay)
  }
}
"""
_watch = st.components.v2.component(_KEY, js=_SCRIPT)


def show() -> None:
    """Lay the style and the script under the page; call it before the page, which may stop."""
    st.html(_STYLE)
    _watch(key=_KEY)
