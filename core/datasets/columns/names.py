"""Guesses which column is the text and which the label, from common column names and from the cells."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import pandas as pd

from core.files.text_patterns import CJK, COLUMN_JOINTS, NEW_WORD_IN_NAME


def name_set(names: str) -> frozenset[str]:
    """A set of comma-separated column names, normalized by ``plain_name``."""
    return frozenset(name.strip() for name in names.split(","))


TEXT_NAMES = name_set(
    """text, texts, sentence, sentences, content, contents, message, messages, utterance, utterances, review, reviews, comment,
    comments, tweet, tweets, question, query, body, document, headline, title, description, input, prompt, post, abstract,
    summary, snippet, passage, transcript, texte, phrase, contenu, texto, frase, contenido, conteúdo, testo, satz, inhalt,
    nachricht, beschreibung, frage, kommentar, текст, сообщение, отзыв, предложение, tekst, zdanie, metin, cümle,
    文本, 內容, 内容, 正文, 句子, 文章, 评论, 評論, 问题, 問題, 标题, 標題, 文字, 语句, テキスト, 本文, 文, コメント, 質問,
    텍스트, 문장, 내용, 본문"""
)
LABEL_NAMES = name_set(
    """label, labels, category, categories, class, classes, intent, intents, target, targets, sentiment, tag, tags, topic, topics,
    output, gold, annotation, emotion, emotions, rating, y, genre, genres, type, étiquette, étiquettes, catégorie, classe,
    etiqueta, etiquetas, categoría, categoria, etichetta, klasse, kategorie, bezeichnung, метка, метки, класс, категория, тема,
    etykieta, kategoria, etiket, kategori, sınıf, 标签, 標籤, 类别, 類別, 分类, 分類, 情感, 意图, 意圖, 类型, 類型, ラベル,
    カテゴリ, カテゴリー, 레이블, 라벨, 카테고리, 분류"""
)
READABLE_LABEL_NAMES = name_set("label text, label name, label str, label names, category name, class name")
ID_NAMES = name_set(
    "id, ids, idx, index, uid, uuid, guid, key, number, no, nr, nummer, record, row, line, 编号, 序号, 番号, 번호, номер"
)
SPLIT_NAMES = name_set(
    """split, splits, set, subset, partition, fold, dataset, data split, usage, ensemble, partición, aufteilung, выборка, 数据集,
    划分, 拆分, 数据划分, 分割, データ分割"""
)

_SAMPLE = 1000
LONGEST_NAME = 200
"""Most characters of a column name that are compared."""


def plain_name(name: str) -> str:
    """A normalized column name: ``Review_Text`` and ``review text`` are the same.

    Of a very long name only the beginning is used.
    """
    apart = NEW_WORD_IN_NAME.sub(r"\1 \2", name[:LONGEST_NAME])
    return COLUMN_JOINTS.sub(" ", apart).strip().casefold()


def without_number(plain: str) -> str:
    """The result of ``plain_name`` without trailing digits and spaces: ``label 2`` and ``label`` are the same."""
    end = len(plain)
    while end and (plain[end - 1].isdecimal() or plain[end - 1].isspace()):
        end -= 1
    return plain[:end]


def name_score(name: str, known: Collection[str]) -> float:
    """How well a column name matches a set of names: 1 for an exact match, less for a name that contains one."""
    plain = plain_name(name)
    if plain in known:
        return 1.0
    parts = plain.split(" ")
    if parts[-1] in known or without_number(plain) in known:
        return 0.7
    return 0.5 if any(part in known for part in parts) else 0.0


@dataclass(frozen=True, kw_only=True)
class Content:
    """Statistics of a column's cells, from a sample spread over the whole table.

    Attributes:
        num_filled: cells of the sample that are not missing.
        distinct: distinct values as a share of ``num_filled``.
        length: mean number of characters.
        words: mean number of words; three Chinese or Japanese characters in a row count as about one.
        numeric: share of cells that are numbers.
        nested: share of cells that hold a JSON list or object.
    """

    num_filled: int
    distinct: float
    length: float
    words: float
    numeric: float
    nested: float


def sample(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows spread evenly over the table, since a file may be sorted by label."""
    return rows.iloc[:: max(1, len(rows) // _SAMPLE)]


def content(cells: Sequence[str | None]) -> Content:
    """The statistics of a column's cells."""
    filled = [cell for cell in cells if cell is not None and cell.strip()]
    num = max(1, len(filled))
    return Content(
        num_filled=len(filled),
        distinct=len(set(filled)) / num,
        length=sum(map(len, filled)) / num,
        words=sum(len(cell.split()) + len(CJK.findall(cell)) / 3 for cell in filled) / num,
        numeric=sum(_is_number(cell) for cell in filled) / num,
        nested=sum(cell.lstrip()[:1] in ("[", "{") for cell in filled) / num,
    )


def contents(rows: pd.DataFrame) -> dict[str, Content]:
    """``content`` of every column, from a sample of the rows."""
    few = sample(rows)
    return {str(name): content(few[name].tolist()) for name in few.columns}


def text_score(name: str, seen: Content) -> float:
    """How much a column looks like natural-language text; 0 or less means it does not."""
    if seen.num_filled == 0 or seen.numeric > 0.9 or seen.nested > 0.9 or name_score(name, ID_NAMES) == 1.0:
        return -1.0
    prose = min(1.0, seen.words / 6) + 0.5 * min(1.0, seen.length / 60) + 0.5 * seen.distinct
    return 2.0 * name_score(name, TEXT_NAMES) + prose


def label_score(name: str, seen: Content) -> float:
    """How much a column looks like one label per row; 0 or less means it does not."""
    if seen.num_filled == 0 or name_score(name, ID_NAMES) == 1.0 or name_score(name, SPLIT_NAMES) == 1.0:
        return -1.0
    few = 1.0 - seen.distinct if seen.num_filled >= 10 else 0.5
    short = 1.0 - min(1.0, seen.length / 60)
    readable = 0.3 if plain_name(name) in READABLE_LABEL_NAMES else 0.0
    return 2.0 * name_score(name, LABEL_NAMES) + readable + few + 0.5 * short


def guess_text_column(rows: pd.DataFrame, *, besides: Collection[str] = ()) -> str | None:
    """The column that looks most like natural-language text, or ``None``."""
    scores = {name: text_score(name, seen) for name, seen in contents(rows).items() if name not in besides}
    best = max(scores, key=lambda name: scores[name], default=None)
    return best if best is not None and scores[best] > 0 else None


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
