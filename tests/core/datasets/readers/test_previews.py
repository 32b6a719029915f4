"""Previews of a file in other encodings."""

from core.datasets.readers.previews import delimiter_alternatives, encoding_alternatives

GBK = "留言,主题\r\n请回复 谢谢,红色\r\n".encode("gbk")


def test_every_alternative_can_be_shown_whatever_the_bytes_are() -> None:
    found = encoding_alternatives(GBK)
    assert "请回复" in "".join(one.excerpt for one in found) or "留言" in "".join(one.excerpt for one in found)
    for one in [*found, *encoding_alternatives(bytes(range(128, 256)) * 4)]:
        assert one.excerpt.encode("utf-8")
    for column in delimiter_alternatives(GBK, "cp1252"):
        assert "".join(column.names).encode("utf-8")
