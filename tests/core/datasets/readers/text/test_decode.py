"""Detection of encodings."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.datasets.readers.text.decode import decode
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


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(
    "text", ["text,label\n" + "plain,good\n" * 9, _CHINESE, _JAPANESE, _RUSSIAN.replace("\n", "\r\n"), _KOREAN]
)
def test_utf_16_without_a_mark_is_recognised_also_where_its_bytes_are_plain_ascii_and_where_hardly_a_letter_is(
    text: str, encoding: str
) -> None:
    found = decode(text.encode(encoding))

    assert (found.encoding, found.text) == (encoding, text)


@pytest.mark.parametrize("odd", [b"a\0b,c\n", b"\0\n", b"\n\0"])
def test_a_few_zero_bytes_do_not_make_utf_16(odd: bytes) -> None:
    assert decode(b"text,label\nplain,good\n" * 20 + odd * 3).encoding == "utf-8"


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
        ("这个产品非常好\n", "gb18030"),
        ("退款\n", "gb18030"),
        ("服務態度很差,負面\n", "big5"),
        ("返金\n", "cp932"),
        ("東京の天気\n", "euc_jp"),
        ("ﾃｽﾄです,良い\n", "cp932"),
        ("환불 문의,부정\n", "cp949"),
        ("Возврат\n", "cp1251"),
        ("отменить заказ\n", "koi8_r"),
        ("È bello però,bene\n", "cp1252"),
        ("très déçu par la qualité\n", "cp1252"),
        ("Příliš žluťoučký kůň\n", "cp1250"),
        ("árvíztűrő tükörfúrógép\n", "cp1250"),
        ("müşteri hizmetleri çok yavaş\n", "cp1254"),
        ("Πού είναι η παραγγελία μου;\n", "cp1253"),
        ("ביטול הזמנה,רע\n", "cp1255"),
        ("إلغاء الطلب,سلبي\n", "cp1256"),
        ("ยกเลิกคำสั่งซื้อ\n", "cp874"),
        ("Ačiū už pagalbą, viskas veikia\n", "cp1257"),
    ],
)
def test_short_texts_in_older_encodings_are_guessed_and_marked_as_a_guess(text: str, encoding: str) -> None:
    found = decode(text.encode(encoding))

    assert (found.text, found.certain) == (text, False)


def test_the_persons_choice_wins_and_is_refused_where_it_does_not_fit() -> None:
    assert decode("é".encode("latin-1"), "latin-1").text == "é"
    with pytest.raises(InputFileError, match="byte 2 is not valid"):
        decode(b"a\xe9\n", "utf-8")
    with pytest.raises(InputFileError, match="Unknown encoding 'klingon'"):
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


@pytest.mark.parametrize("encoding", ["gb18030", "euc_jp", "cp949", "utf-16", "utf-8-sig"])
def test_a_damaged_byte_leaves_the_rest_of_the_file_readable(encoding: str) -> None:
    text = "text,label\n" + {"euc_jp": _JAPANESE, "cp949": _KOREAN}.get(encoding, _CHINESE) * 30
    data = text.encode(encoding)
    place = data.index(b"\n", 800)
    broken = data[:place] + (b"\xff" if encoding != "utf-16" else b"\x00\xd8") + data[place:]

    found = decode(broken)

    assert found.damaged
    assert sum("\udc00" <= character <= "\udcff" for character in found.text) <= 2
    assert found.text.startswith(text[:100])
    assert found.text.endswith(text[-100:])


@settings(max_examples=150, deadline=None)
@given(data=st.binary(min_size=1, max_size=300), encoding=st.sampled_from([None, "gb18030", "utf-16", "cp1252", "shift_jis"]))
def test_any_bytes_are_decoded_or_refused_and_the_lines_are_the_text(data: bytes, encoding: str | None) -> None:
    try:
        found = decode(data, encoding)
    except InputFileError:
        return
    assert "".join(found.lines()) == found.text
    assert found.text.startswith(found.head(10))
