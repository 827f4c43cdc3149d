"""Framing: what is sent is received, damage is noticed, the next frame is in step again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edgec.targets.frames import FrameReader, decode_frame, encode_frame

bodies = st.binary(min_size=0, max_size=200)


@given(bodies)
def test_round_trip(body: bytes) -> None:
    frame = encode_frame(body)
    assert frame[0] == frame[-1] == 0
    assert 0 not in frame[1:-1]
    assert decode_frame(frame[1:-1]) == body


@given(bodies, st.integers(0, 10_000), st.integers(1, 255))
def test_any_changed_byte_is_noticed(body: bytes, where: int, change: int) -> None:
    frame = bytearray(encode_frame(body)[1:-1])
    frame[where % len(frame)] ^= change
    assert decode_frame(bytes(frame)) is None


@given(st.binary(max_size=50), st.lists(bodies, min_size=1, max_size=4), st.integers(1, 40))
def test_frames_behind_noise_arrive(noise: bytes, sent: list[bytes], step: int) -> None:
    stream = noise + b"".join(map(encode_frame, sent))
    reader = FrameReader()
    received: list[bytes | None] = []
    for at in range(0, len(stream), step):
        received += reader.feed(stream[at : at + step])
    assert received[-len(sent) :] == sent
    assert reader.bytes_seen == len(stream)


def test_endless_line_without_delimiter_is_not_kept() -> None:
    reader = FrameReader()
    for _ in range(100):
        assert reader.feed(b"x" * 1000) == []
    assert len(reader.buffer) <= FrameReader.LIMIT
