"""Escaping of user text for markdown and for Plotly labels.

Most user text goes to ``st.text``, ``st.code`` and ``st.dataframe``, which show it literally. The functions here are for the few
places that parse markdown (headings, messages, button labels), and for Plotly labels. Cells of files for spreadsheets are
guarded where the file is written, in ``core.datasets.formula_guard``.
"""

import html

from core.files.text_patterns import MARKDOWN_EXTRA, MARKDOWN_SIGN, WHITE_SPACE

_WORD_JOINER = "\u2060"
_LONGEST_LABEL = 28


def markdown_text(text: str, *, longest: int = 200) -> str:
    """Markdown that shows exactly this text, on one line: no image is fetched, no link, icon, formula or colour appears.

    Backslashes stop what the markdown parser reads. Streamlit also rewrites text after parsing (``:material/…:``, emoji codes,
    bare addresses, arrows), where a backslash is gone already; an invisible word joiner breaks those.
    """
    one_line = " ".join(text.split())
    if len(one_line) > longest:
        one_line = one_line[: longest - 1] + "…"
    return markdown_piece(one_line)


def markdown_piece(text: str) -> str:
    """Like ``markdown_text`` for a part of a longer line: keeps spaces at its ends, and shortens nothing."""
    one_line = WHITE_SPACE.sub(" ", text)
    joined = MARKDOWN_EXTRA.sub(lambda match: match.group(1) + _WORD_JOINER, one_line)
    return MARKDOWN_SIGN.sub(r"\\\1", joined)


def plotly_text(text: str, *, longest: int = _LONGEST_LABEL) -> str:
    """A label for a Plotly axis or hover: no tag is read in it, and a long one is shortened in the middle."""
    one_line = " ".join(text.split())
    if len(one_line) > longest:
        head = (longest - 1) * 2 // 3
        one_line = f"{one_line[:head]}…{one_line[len(one_line) - (longest - 1 - head) :]}"
    return html.escape(one_line).replace("$", "&#36;").replace("%{", "%&#123;")


def distinct_plotly_texts(texts: list[str], *, longest: int = _LONGEST_LABEL) -> list[str]:
    """Displayed labels of an axis; names that become equal when shortened get a number."""
    seen: dict[str, int] = {}
    shown = []
    for text in texts:
        label = plotly_text(text, longest=longest)
        seen[label] = seen.get(label, 0) + 1
        shown.append(label if seen[label] == 1 else f"{label} ({seen[label]})")
    return shown
