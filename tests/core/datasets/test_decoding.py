"""Which encoding a file is in."""

import pytest

from core.datasets.decoding import decode
from core.errors import InputFileError

_CHINESE = "文本,标签\n这个产品非常好,正面\n服务态度很差,负面\n"
_JAPANESE = "テキスト,ラベル\nとても良い商品でした。,良い\n配送が遅かったです。,悪い\n"
_RUSSIAN = "текст,метка\nОчень хороший товар,хорошо\nПлохая доставка,плохо\n"
_KOREAN = "텍스트,레이블\n아주 좋은 제품입니다,긍정\n배송이 너무 늦어요,부정\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-16-be"])
def test_unicode_is_recognised_with_certainty_with_or_without_a_mark(encoding: str) -> None:
    text = "text,label\n" + "Grüße aus Köln, 你好,good\n" * 5

    found = decode(text.encode(encoding))

    assert (found.text, found.certain) == (text, True)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (_CHINESE, "gb18030"),
        (_CHINESE.replace("这个产品", "這個產品").replace("标签", "標籤"), "gb18030"),
        (_JAPANESE, "cp932"),
        (_JAPANESE, "euc_jp"),
        (_RUSSIAN, "cp1251"),
        (_RUSSIAN, "koi8_r"),
        (_KOREAN, "cp949"),
        ("déjà vu,négatif\nça va bien,positif\n", "cp1252"),
        ("El niño comió mañana en el jardín,bien\n", "cp1252"),
        ("Für Übung,größer\n", "cp1252"),
        ("Zażółć gęślą jaźń, bardzo dobry produkt,dobry\n", "cp1250"),
    ],
)
def test_short_texts_in_older_encodings_are_guessed_and_marked_as_a_guess(text: str, encoding: str) -> None:
    found = decode(text.encode(encoding))

    assert (found.text, found.certain) == (text, False)


def test_the_persons_choice_wins_and_is_refused_where_it_does_not_fit() -> None:
    assert decode("é".encode("latin-1"), "latin-1").text == "é"
    with pytest.raises(InputFileError, match="byte 2 does not fit"):
        decode(b"a\xe9\n", "utf-8")
    with pytest.raises(InputFileError, match="no encoding 'klingon'"):
        decode(b"a", "klingon")


def test_a_codec_that_is_no_text_encoding_is_refused_as_a_choice() -> None:
    for name in ("base64", "rot13", "zlib", "a\x00b", "idna-x"):
        with pytest.raises(InputFileError):
            decode(b"aGk=", name)


def test_a_few_damaged_bytes_do_not_turn_a_utf8_file_to_gibberish() -> None:
    found = decode("größer,gut\n".encode() * 20 + b"br\xf6ken,bad\n")

    assert found.encoding == "utf-8"
    assert found.text.startswith("größer,gut\n")
    assert "br\udcf6ken" in found.text
