from __future__ import annotations

import json
import os
import signal
import socket
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdpo_gym.sandbox.inside import wire
from sdpo_gym.sandbox.job import RunStatus
from sdpo_gym.sandbox.limits import Limits
from sdpo_gym.sandbox.worker import classify

small = st.integers(min_value=0, max_value=2**63 - 1)
outcomes = st.builds(
    wire.Outcome,
    reason=st.integers(0, 3),
    stopped=st.integers(0, 1),
    wait_status=st.integers(0, 0xFFFF).filter(lambda s: os.WIFEXITED(s) or os.WIFSIGNALED(s)),
    cpu_ns=small,
    wall_ns=small,
    peak_bytes=small,
    stdout=st.binary(max_size=50),
    stderr=st.binary(max_size=50),
    result=st.one_of(
        st.binary(max_size=50),
        st.tuples(st.sampled_from(b"VTEMBN"), st.binary(max_size=50)).map(lambda t: bytes([t[0]]) + t[1]),
        st.tuples(st.sampled_from(b"VTEMBN"), st.recursive(
            st.none() | st.integers() | st.text(max_size=5), lambda c: st.lists(c, max_size=4), max_leaves=8
        )).map(lambda t: bytes([t[0]]) + json.dumps(t[1]).encode()),
    ),
)  # fmt: skip


def packed(outcome: wire.Outcome) -> bytes:
    """What the supervisor sends: the numbers, the sizes of the three texts, and the texts, one after the other."""
    texts = (outcome.stdout, outcome.stderr, outcome.result)
    return wire.OUTCOME.pack(*outcome[:6], *map(len, texts)) + b"".join(texts)


@given(outcomes)
def test_an_outcome_survives_packing(outcome: wire.Outcome) -> None:
    assert wire.Outcome.unpack(packed(outcome)) == outcome


@given(outcomes, st.binary(min_size=1, max_size=5))
def test_an_outcome_of_another_length_is_refused(outcome: wire.Outcome, more: bytes) -> None:
    with pytest.raises(ValueError, match="declares"):
        wire.Outcome.unpack(packed(outcome) + more)


@given(outcomes, st.booleans())
def test_whatever_a_program_leaves_behind_is_a_verdict(outcome: wire.Outcome, has_entry: bool) -> None:
    run = classify(outcome, Limits(), has_entry)
    if run.status is RunStatus.ACCEPTED:
        assert outcome.reason == wire.FINISHED
        assert os.WIFEXITED(outcome.wait_status)
        assert run.cpu_s <= 6
        assert (run.value is not None) == has_entry
        assert outcome.result[:1] not in (wire.EXCEPTION, wire.OUT_OF_MEMORY)


def ended(**changes: object) -> wire.Outcome:
    plain = wire.Outcome(wire.FINISHED, 0, 0, 1_000_000, 2_000_000, 1 << 20, b"", b"", b"")
    return plain._replace(**changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (ended(), RunStatus.ACCEPTED),
        (ended(wait_status=3 << 8), RunStatus.ACCEPTED),  # a program's exit status says nothing
        (ended(reason=wire.CPU_LIMIT, wait_status=signal.SIGKILL), RunStatus.TIME_LIMIT),
        (ended(cpu_ns=6_100_000_000), RunStatus.TIME_LIMIT),  # over the limit, though it ended by itself
        (ended(reason=wire.WALL_LIMIT, wait_status=signal.SIGKILL), RunStatus.IDLE_LIMIT),
        (ended(reason=wire.OUTPUT_LIMIT), RunStatus.OUTPUT_LIMIT),
        (ended(wait_status=signal.SIGXFSZ), RunStatus.OUTPUT_LIMIT),
        (ended(wait_status=signal.SIGKILL), RunStatus.MEMORY_LIMIT),
        (ended(wait_status=signal.SIGSEGV), RunStatus.SIGNAL),
        (ended(result=b'E["ValueError", "x", [[3, "f"]]]'), RunStatus.RUNTIME_ERROR),
        (ended(result=b'M["MemoryError", "", []]'), RunStatus.MEMORY_LIMIT),
        (ended(result=b"E not json"), RunStatus.RUNTIME_ERROR),
        (ended(result=b"E" + b"[" * 100_000), RunStatus.RUNTIME_ERROR),
        (ended(result=b'E["x", "y", [[1e999, "f"]]]'), RunStatus.RUNTIME_ERROR),
        (ended(result=b'E["x", "y", [[' + b"9" * 4000 + b', "f"]]]'), RunStatus.RUNTIME_ERROR),
        (ended(result=b'E["' + b"a" * (16 << 20) + b'", "y", []]'), RunStatus.RUNTIME_ERROR),
    ],
)
def test_classes(outcome: wire.Outcome, status: RunStatus) -> None:
    assert classify(outcome, Limits(), has_entry=False).status is status


def test_frames_arrive_whole_however_they_are_cut() -> None:
    ours, theirs = socket.socketpair()
    payload = os.urandom(3 << 20)
    sender = threading.Thread(target=wire.send, args=(theirs, wire.TEST, payload[:1000], payload[1000:]))
    sender.start()
    assert wire.receive_header(ours) == (wire.TEST, len(payload))
    assert wire.receive_exactly(ours, len(payload)) == payload
    sender.join()
    theirs.close()
    with pytest.raises(EOFError, match="closed"):
        wire.receive_header(ours)
    ours.close()
