"""Where the words of raw text are, for text that comes without tokens: annotated spans, and anything to predict.

A word is a run of letters and digits with their combining marks. A character of a script written without spaces (Chinese
characters and Japanese kana) is a word of its own, and so is every other character that is not white space, so that a span may
begin or end at any sign of punctuation.
"""

from core.files.text_patterns import ASCII_WORD, any_word


def words(text: str) -> list[tuple[int, int]]:
    """Start and end (exclusive) of every word, in characters, in the order of the text; words never overlap."""
    pattern = ASCII_WORD if text.isascii() else any_word()
    return [match.span() for match in pattern.finditer(text)]
