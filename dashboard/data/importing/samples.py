"""The sample files that come with Tuneboard, and what each shows."""

from typing import NamedTuple

import streamlit as st

from core.config.settings import PROJECT_ROOT


class Sample(NamedTuple):
    """A file in ``data/``."""

    file_name: str
    title: str
    line: str
    icon: str


SAMPLES = (
    Sample(
        "support_tickets.csv",
        "Support tickets",
        "Topics of customer messages: one label per text.",
        ":material/support_agent:",
    ),
    Sample(
        "financial_news.csv",
        "Financial news",
        "Sentiment (positive, neutral, negative): one label per text.",
        ":material/trending_up:",
    ),
    Sample("product_reviews.csv", "Reviews", "All topics of a review: several labels per text.", ":material/reviews:"),
    Sample(
        "news_entities.conll",
        "News and names",
        "Named entities: people, companies, places and products.",
        ":material/person_search:",
    ),
)


def draw_samples() -> Sample | None:
    """The samples as cards.

    Returns:
        The one whose button was just pressed.
    """
    chosen = None
    available = [sample for sample in SAMPLES if (PROJECT_ROOT / "data" / sample.file_name).is_file()]
    for column, sample in zip(st.columns(max(1, len(available)), gap="small"), available, strict=False):
        with column, st.container(border=True, height="stretch"):
            st.markdown(f"**{sample.title}**")
            st.caption(sample.line)
            if st.button("Load sample", icon=sample.icon, key=f"sample-{sample.file_name}", width="stretch"):
                chosen = sample
    return chosen
