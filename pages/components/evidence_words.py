"""Words in their sentences, coloured by magnitude with their sign: descriptions stay text, whatever they hold."""

from __future__ import annotations

import re

import streamlit as st

from n3core.figures.evidence import word_bars
from n3core.results.evidence import DescriptionEvidence, TokenEvidence
from pages.components.plain import count_words, literal

__all__ = ["mark_words", "name_words", "show_bars", "show_legend", "show_ruled_out", "word_labels"]

_LEVELS = (0.12, 0.3, 0.6)  # strengths from which a word is coloured, laid on colour, laid on colour in bold
_PLUS, _MINUS = "\u207a", "\u207b"  # raised behind the word: before it they would make "2" a negative number
_SPACE = re.compile(r"^\s|\s$")
_NAMED = 5  # words that the alternative text of the bars names
_RULED_OUT = 3  # descriptions shown with their whole text


def mark_words(description: DescriptionEvidence) -> str:
    """A description as Markdown in which the words that weigh much are coloured and bear a plus or a minus.

    Returns:
        Safe for any text: every piece of it is escaped, and only the marks are markup.
    """
    parts, position = [], 0
    for (start, end), strength, support in zip(
        description.spans.tolist(), description.strengths.tolist(), description.support.tolist(), strict=True
    ):
        level = sum(strength >= least for least in _LEVELS)
        if level:
            parts += [_plain(description.text[position:start]), _mark(description.text[start:end], level, support)]
            position = end
    read = int(description.spans[-1, 1]) if len(description.spans) else 0
    parts.append(_plain(description.text[position:read]))
    unread = [word for word in description.text[read:].split() if any(letter.isalnum() for letter in word)]
    if unread:
        parts.append(f" :gray[… the text encoder does not read the last {count_words(' '.join(unread))}]")
    return "".join(parts)


def _plain(run: str) -> str:
    spaces = ["", ""]
    for match in _SPACE.finditer(run):
        spaces[0 if match.start() == 0 else 1] = " "
    return f"{spaces[0]}{literal(run)}{spaces[1]}" if run.strip() else spaces[0] or spaces[1]


def _mark(word: str, level: int, support: float) -> str:
    colour, sign = ("blue", _PLUS) if support >= 0 else ("orange", _MINUS)
    text = f"{literal(word)}{sign}"
    return (f":{colour}[{text}]", f":{colour}-background[{text}]", f":{colour}-background[**{text}**]")[level - 1]


def show_legend(target: str) -> None:
    """Say how to read the colours and signs."""
    st.caption(
        f":gray[little] · :blue[some{_PLUS}] · :blue-background[much{_PLUS}] · :blue-background[**most{_PLUS}**] "
        "gradient. "
        f":blue[{_PLUS}] more of the word raises the score of {literal(target)}, :orange[{_MINUS}] lowers it. A strong "
        "gradient is not yet a word that decides: leave it out and see."
    )


def name_words(description: DescriptionEvidence, count: int) -> str:
    """The words that weigh most, largest first and each once, for a sentence; Markdown."""
    words = dict.fromkeys(description.words[index].casefold() for index in description.top(3 * count))
    return ", ".join(f"*{literal(word)}*" for word in list(words)[:count]) or "no words"


def word_labels(description: DescriptionEvidence, count: int) -> dict[int, str]:
    """Labels of the words that weigh most, in the order of the text; repeated words are numbered.

    Returns:
        Index of the word -> Markdown with its sign.
    """
    chosen, seen, labels = set(description.top(count)), {}, {}
    for index, word in enumerate(description.words):
        seen[word] = seen.get(word, 0) + 1
        if index in chosen:
            sign = f":blue[{_PLUS}]" if description.support[index] >= 0 else f":orange[{_MINUS}]"
            labels[index] = f"{literal(word)}{sign}" + (f" ({seen[word]})" if seen[word] > 1 else "")
    return labels


def show_bars(description: DescriptionEvidence, target: str, *, shares: bool = False) -> None:
    """Draw the words that weigh most."""
    if not description.top(1):
        st.info("This description has no words to weigh.", icon=":material/notes:")
        return
    values = description.magnitudes
    most = ", ".join(
        f"{description.words[index]} " + (f"{100 * values[index]:.1f} %" if shares else f"{values[index]:.3g}")
        for index in description.top(_NAMED)
    )
    st.plotly_chart(
        word_bars(description, target, shares=shares),
        key=f"word bars {description.name}",
        config={"displaylogo": False, "modeBarButtons": [["toImage"]]},
        alt=f"Bars of the words of {description.name} by the size of their gradient: {most}",
    )


def show_ruled_out(evidence: TokenEvidence) -> None:
    """Show the classes that are ruled out, by which words, the most decidedly ruled out first."""
    st.subheader("Ruled out", anchor=False)
    st.caption(
        "Other classes by their largest gradient divided by their probability: how the loss reacts to their words, "
        "though hardly anything is left of them."
    )
    for description in evidence.ruled_out[:_RULED_OUT]:
        with st.container(border=True, gap="xsmall"):
            st.markdown(
                f"Not **{literal(description.name)}** ({100 * description.probability:.1f} %), judging by "
                f"{name_words(description, 4)}"
            )
            st.markdown(mark_words(description))
    rest = evidence.ruled_out[_RULED_OUT:]
    if not rest:
        return
    with st.expander(f"{len(rest)} more", key="evidence_more"):
        st.dataframe(
            {
                "Class": [description.name for description in rest],
                "Probability": [100 * description.probability for description in rest],
                "By the words": [
                    ", ".join(description.words[index] for index in description.top(5)) for description in rest
                ],
            },
            hide_index=True,
            column_config={"Probability": st.column_config.NumberColumn(format="%.1f %%")},
            alt="The other classes with their probability and the words of largest gradient",
        )
