"""Zip and gzip archives, folders of texts, and the limits against malicious archives."""

import gzip
import io
import stat
import zipfile
from collections.abc import Callable, Mapping

import pytest

from core.datasets.importing.prepare import guess_plan, prepare
from core.datasets.table import Table
from core.errors import InputFileError

Read = Callable[..., Table]

CSV = "text,label\ngood,a\nbad,b\n"


def zipped(members: Mapping[str, str | bytes]) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return written.getvalue()


def test_the_one_table_in_an_archive_is_read_whatever_else_lies_beside_it(read: Read) -> None:
    table = read("a.zip", zipped({"__MACOSX/._data.csv": "x", "folder/data.csv": CSV, "README.md": "x", ".DS_Store": "x"}))

    assert table.rows["text"].tolist() == ["good", "bad"]
    assert (table.file_name, table.format, table.reading["member"]) == ("a.zip", "csv", "folder/data.csv")


def test_of_several_tables_training_is_read_unless_another_is_asked_for(read: Read) -> None:
    data = zipped({"dev.csv": CSV.replace("good", "dev"), "train.csv": CSV.replace("good", "train")})

    assert read("a.zip", data).rows["text"].tolist()[0] == "train"
    assert any("2 readable files" in note for note in read("a.zip", data).notes)
    assert read("a.zip", data, sheet="dev.csv").rows["text"].tolist()[0] == "dev"
    with pytest.raises(InputFileError, match=r"no sheet or file 'test\.csv'. It has 'dev\.csv', 'train\.csv'"):
        read("a.zip", data, sheet="test.csv")


def test_a_compressed_table_is_read_in_its_own_encoding_and_by_its_own_name(read: Read) -> None:
    text = "文本,标签\n这个产品非常好,正面\n服务态度很差,负面\n"

    assert read("a.csv.gz", gzip.compress(text.encode("gb18030"))).rows["文本"].tolist()[0] == "这个产品非常好"
    assert read("a.jsonl.gz", gzip.compress(b'{"text": "a"}\n')).format == "jsonl"
    assert read("a.gz", gzip.compress(CSV.encode()) + gzip.compress(b"more,c\n")).rows["text"].tolist() == ["good", "bad", "more"]


def test_a_folder_for_each_label_becomes_a_data_set_with_its_splits(read: Read) -> None:
    members = {
        f"reviews/{split}/{label}/{number}.txt": f"{label} text {number} of {split}"
        for split in ("train", "test")
        for label in ("pos", "neg")
        for number in range(8)
    }
    table = read("reviews.zip", zipped(members))

    assert table.format == "folders"
    assert table.rows.columns.tolist() == ["text", "label", "split", "file"]
    prepared = prepare({"main": table}, guess_plan(table))
    assert prepared.labels == ["neg", "pos"]
    assert prepared.num_examples["test"] == 16
    assert prepared.source["records"] == 32


def test_texts_of_one_folder_share_an_encoding_that_all_together_tell(read: Read) -> None:
    members = {"a/1.txt": "好", "a/2.txt": "服务态度很差，不会再买", "b/1.txt": "plain", "b/2.txt": "这个产品非常好"}
    table = read("a.zip", zipped({name: text.encode("gb18030") for name, text in members.items()}))

    assert table.rows["text"].tolist() == list(members.values())


def test_an_archive_without_a_table_in_an_archive_or_locked_is_refused(read: Read) -> None:
    for content, message in (
        (zipped({"picture.png": b"\x89PNG"}), "no table of texts"),
        (zipped({}), "no table|empty|damaged"),
        (zipped({"inner.csv": zipped({"a.csv": CSV})}), "contains a zip archive"),
        (zipped({"a.txt": zipped({"a.csv": CSV})}), "contains a zip archive|inside an archive"),
        (zipped({"../../etc/cron.d/x.csv": CSV}), "points outside the archive"),
        (zipped({"/etc/x.csv": CSV}), "points outside the archive"),
        (_locked(zipped({"a.csv": CSV})), "password"),
    ):
        with pytest.raises(InputFileError, match=message):
            read("a.zip", content)


def test_links_in_an_archive_are_no_files(read: Read) -> None:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        link = zipfile.ZipInfo("secret.csv")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("real.csv", CSV)

    assert read("a.zip", written.getvalue()).reading["members"] == ["real.csv"]


def test_archives_that_unpack_to_far_more_than_they_are_stop_early(read: Read) -> None:
    bomb = b"text,label\n" + b"a" * (40 * 2**20)
    for name, data in (("a.zip", zipped({"a.csv": bomb})), ("a.csv.gz", gzip.compress(bomb))):
        with pytest.raises(InputFileError, match="unpacks to more than"):
            read(name, data)
    many = zipped({f"{number}/{number}.txt": b"b" * 2**20 for number in range(40)})
    with pytest.raises(InputFileError, match="unpacks to more than"):
        read("a.zip", many)


def _locked(archive: bytes) -> bytes:
    """The archive with the encryption flag on its only member."""
    data = bytearray(archive)
    data[data.index(b"PK\x03\x04") + 6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def test_a_file_packed_by_lzma_is_refused_be_it_whole_or_damaged(read: Read) -> None:
    """Its header sets the memory for unpacking, and a damaged file fails with other errors."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("rows.csv", "text,label\na,b\n" * 50)
    damaged = bytearray(written.getvalue())
    damaged[50:75] = bytes(25)

    for data in (written.getvalue(), bytes(damaged)):
        with pytest.raises(InputFileError, match="unsupported compression method"):
            read("rows.zip", data)
