"""Split columns: detects columns with the split of each row, and common names for train, validation and test."""

import pandas as pd

from core.datasets.columns.names import SPLIT_NAMES, name_score, sample

_WORDS = {
    "train": "train", "training": "train", "tr": "train", "trn": "train", "learn": "train", "fit": "train", "训练": "train",
    "训练集": "train", "訓練": "train", "学習": "train", "entraînement": "train", "entrenamiento": "train", "обучение": "train",
    "validation": "validation", "valid": "validation", "val": "validation", "dev": "validation", "development": "validation",
    "eval": "validation", "evaluation": "validation", "验证": "validation", "验证集": "validation", "検証": "validation",
    "validación": "validation", "валидация": "validation", "validate": "validation",
    "test": "test", "testing": "test", "tst": "test", "holdout": "test", "hold-out": "test", "测试": "test", "测试集": "test",
    "テスト": "test", "評価": "test", "prueba": "test", "тест": "test",
}  # fmt: skip


def split_of(cell: str | None) -> str | None:
    """The split that a cell names, or ``None``."""
    return _WORDS.get(cell.strip().casefold()) if cell is not None else None


def guess_split_column(rows: pd.DataFrame) -> str | None:
    """A column whose values all name a split, at least 2 different ones; preferably with a common name for split columns."""
    few = sample(rows)
    fitting = []
    for name in few.columns:
        values = {split_of(cell) for cell in set(few[name].tolist())}
        if None not in values and len(values) > 1 and "train" in values:
            fitting.append(str(name))
    return max(fitting, key=lambda name: name_score(name, SPLIT_NAMES), default=None)
