"""Media of any format are whole; what is cut, empty, made up or called something else is not."""

from __future__ import annotations

import io

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lightning_verify.reading.media import flaw, measure, recognise
from PIL import Image

from tests.judge.media_samples import FILMS, PICTURES, TYPES, sample

thorough = settings(max_examples=150, deadline=None, derandomize=True, database=None)
# Formats that do not say how long they are, so that nobody can tell where they were cut.
ENDLESS = {"mpeg", "mp3", "mp2", "svg"}


def family(name: str) -> str:
    return TYPES[name].partition("/")[0]


@pytest.mark.parametrize("name", TYPES)
def test_a_whole_file_has_no_flaw_under_its_own_type(name: str) -> None:
    assert flaw(sample(name), family(name), TYPES[name]) is None


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("media_type", ["", "application/octet-stream", "{family}/x-something"])
def test_a_type_that_claims_no_format_is_not_held_against_a_file(name: str, media_type: str) -> None:
    assert flaw(sample(name), family(name), media_type.format(family=family(name))) is None


@pytest.mark.parametrize("name", sorted(set(TYPES) - ENDLESS))
def test_half_a_file_has_a_flaw(name: str) -> None:
    whole = sample(name)
    assert flaw(whole[: len(whole) // 2], family(name), TYPES[name]) is not None


@pytest.mark.parametrize("name", sorted(set(TYPES) - ENDLESS - {"flac"}))
def test_a_file_without_its_last_bytes_has_a_flaw(name: str) -> None:
    assert flaw(sample(name)[:-5], family(name), TYPES[name]) is not None


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("name", sorted(set(TYPES) - {"svg", "mpeg"}))
def test_the_beginning_alone_has_a_flaw(name: str) -> None:
    assert flaw(sample(name)[:24], family(name), TYPES[name]) is not None


@pytest.mark.parametrize("kind", ["image", "video", "audio"])
def test_nothing_text_and_json_are_no_media(kind: str) -> None:
    for body in (b"", b" ", b'{"url": "https://example.com/a.png"}', b"<html>busy</html>", b"\0" * 500):
        assert flaw(body, kind, "") is not None


@pytest.mark.parametrize("kind", ["image", "video", "audio"])
@pytest.mark.parametrize("media_type", ["application/json", "text/html", "text/plain"])
def test_a_type_of_another_kind_is_a_flaw(kind: str, media_type: str) -> None:
    name = {"image": "png", "video": "mp4", "audio": "mp3"}[kind]
    assert "content type" in (flaw(sample(name), kind, media_type) or "")


@pytest.mark.parametrize("name", TYPES)
def test_media_of_another_family_are_a_flaw(name: str) -> None:
    for other in {"image", "video", "audio"} - {family(name)}:
        # A film with sound is a sound as well: whoever asks for music can play it.
        if (name, other) != ("mp4 with sound", "audio"):
            assert flaw(sample(name), other, f"{other}/x-something") is not None


@pytest.mark.parametrize(
    ("name", "claim"),
    [
        ("png", "image/jpeg"),
        ("jpeg", "image/png"),
        ("webp", "image/gif"),
        ("mp4", "video/webm"),
        ("webm", "video/mp4"),
        ("wav", "audio/mpeg"),
        ("mp3", "audio/wav"),
        ("opus", "audio/mpeg"),
        ("flac", "audio/ogg"),
    ],
)
def test_a_format_under_the_name_of_another_is_a_flaw(name: str, claim: str) -> None:
    assert "claims" in (flaw(sample(name), family(name), claim) or "")


def boxes(*kinds: tuple[bytes, bytes]) -> bytes:
    return b"".join((8 + len(content)).to_bytes(4) + kind + content for kind, content in kinds)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (boxes((b"ftyp", b"isom\0\0\0\0isom")), "video"),
        (boxes((b"ftyp", b"isom\0\0\0\0isom"), (b"moov", b"x" * 9)), "video"),
        (boxes((b"ftyp", b"isom\0\0\0\0isom"), (b"mdat", b"x" * 9)), "video"),
        (boxes((b"ftyp", b"isom\0\0\0\0isom"), (b"moov", b"x" * 9), (b"mdat", b"")), "video"),
        (b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0" + b"\1\0" * 8 + b"data\0\0\0\0", "audio"),
        (b"ID3\4\0\0\0\0\0\x0a" + b"\0" * 10, "audio"),
        (b"ID3\4\0\0\0\0\0\x0a" + b"x" * 30, "audio"),
        (b"\xff\xfb\x90\x64" + b"\0" * 100, "audio"),
        (b"\xff\xfb\x90\x64" + b"\0" * 413 + b"not a frame at all", "audio"),
        (b"\xff\xff\xff\xff" * 50, "audio"),
        (b"fLaC\x80\0\0\x22" + b"\0" * 34, "audio"),
        (b"OggS\0\2" + b"\0" * 20 + b"\1\x04head", "audio"),
        (b"FLV\1\5\0\0\0\x09\0\0\0\0", "video"),
        (b"\x1aE\xdf\xa3\x80\x18S\x80g\x80", "video"),
    ],
)
def test_a_container_with_nothing_in_it_has_a_flaw(data: bytes, kind: str) -> None:
    assert recognise(data) is not None
    assert flaw(data, kind, "") is not None


@pytest.mark.parametrize("size", [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\xf0\xff\x7f"])
def test_a_sound_that_was_streamed_may_leave_its_length_open(size: bytes) -> None:
    whole = sample("wave")
    at = whole.index(b"data") + 4
    assert flaw(whole[:at] + size + whole[at + 4 :], "audio", "audio/wav") is None


def test_a_film_that_was_streamed_may_leave_its_length_open() -> None:
    buffer = io.BytesIO()
    with av.open(io.BytesIO(sample("mp4")), "r") as source:
        film = source.streams.video[0]
        with av.open(buffer, "w", format="mp4", options=LIVE) as live:
            stream = live.add_stream_from_template(film)
            for packet in source.demux(film):
                if packet.dts is not None:
                    packet.stream = stream
                    live.mux(packet)
    assert b"moof" in buffer.getvalue()
    assert flaw(buffer.getvalue(), "video", "video/mp4") is None


LIVE = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}


@pytest.mark.parametrize("tag", [b"ID3\4\0\0\0\0\0\x05title", b"ID3\4\0\0\0\0\0\0" + b"\0" * 20])
def test_an_mp3_may_have_a_tag_and_a_cut_last_frame(tag: bytes) -> None:
    assert flaw(tag + sample("mp3")[:-30], "audio", "audio/mpeg") is None


def test_a_picture_too_large_to_decode_here_is_not_accused() -> None:
    header = sample("bmp")[:18] + (60_000).to_bytes(4, "little") * 2 + sample("bmp")[26:]
    with pytest.raises(Image.DecompressionBombError):
        Image.open(io.BytesIO(header))
    assert flaw(header, "image", "image/bmp") is None


# --- measuring --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name, (_, pictures, _) in FILMS.items() if pictures])
def test_a_film_is_measured(name: str) -> None:
    seen = measure(sample(name))
    assert seen is not None
    assert (seen.width, seen.height) == (64, 48)
    assert seen.seconds == pytest.approx(1, abs=0.6)


@pytest.mark.parametrize("name", [name for name, (_, pictures, _) in FILMS.items() if not pictures])
def test_a_sound_is_measured(name: str) -> None:
    seen = measure(sample(name))
    assert seen is not None
    assert seen.seconds == pytest.approx(0.5, abs=0.1)


# --- anything at all --------------------------------------------------------------------------------------


@given(st.binary(max_size=300), st.sampled_from(["image", "video", "audio"]))
@thorough
def test_random_bytes_are_looked_at_without_an_accident(data: bytes, kind: str) -> None:
    flaw(data, kind, "")


@pytest.mark.filterwarnings("ignore::UserWarning")
@given(st.data(), st.sampled_from(sorted(TYPES)))
@thorough
def test_damaged_files_are_looked_at_without_an_accident(data: st.DataObject, name: str) -> None:
    whole = bytearray(sample(name)[: data.draw(st.integers(1, 3000))])
    for _ in range(data.draw(st.integers(0, 6))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    flaw(bytes(whole), family(name), TYPES[name])
    if name not in PICTURES:
        measure(bytes(whole))
