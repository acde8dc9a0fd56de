"""A description with its words marked: what a picture can show, what it cannot, what is left open; no widgets."""

from __future__ import annotations

from n3core.explain.visual_words import mark_words
from n3core.results.diagnosis import ClassDiagnosis
from pages.components.plain import literal

__all__ = ["mark_text"]

_MOST_CHARACTERS = 4000
_OPEN = ("vague", "contradiction", "names another class")


def mark_text(entry: ClassDiagnosis) -> str:
    """Write a description as Markdown with its words marked.

    Args:
        entry: the text is untrusted.

    Returns:
        Markdown; a very long text is cut.
    """
    text = entry.text[:_MOST_CHARACTERS]
    open_spans = sorted({span for reason in entry.reasons if reason.kind in _OPEN for span in reason.spans})
    spans = [(start, end, ":violet-background[{}]") for start, end in open_spans if end <= len(text)]
    for word in mark_words(text):
        if word.kind in ("visual", "unseen") and all(
            word.end <= start or word.start >= end for start, end in open_spans
        ):
            form = ":green-background[**{}**]" if word.kind == "visual" else ":orange-background[*{}*]"
            spans.append((word.start, word.end, form))
    pieces, done = [], 0
    for start, end, form in sorted(spans):
        if start < done:
            continue
        pieces += [_between(text[done:start]), form.format(literal(text[start:end]))]
        done = end
    pieces.append(_between(text[done:]))
    return "".join(pieces).strip() + (" …" if len(entry.text) > len(text) else "")


def _between(text: str) -> str:
    """`literal` that keeps the spaces at the ends."""
    if not text.strip():
        return " " if text else ""
    return f"{' ' if text[0].isspace() else ''}{literal(text)}{' ' if text[-1].isspace() else ''}"
