"""What the distillation loss costs: in chunks, on logits over buckets, and as plain full softmaxes over everything.

All three get hidden states and output embeddings of student and teacher and go forward and backward to both of the
student's. *plain* is what one would write down first: two log_softmax over the whole vocabulary and the divergence of
the results. Each measurement of memory is a process of its own; times are taken in turn, round by round, so that a
machine whose speed drifts drifts for all. Nothing here is asserted: the figures go into notes, with their raw samples.

    python benchmarks/loss.py                     the sizes of an 8B model's vocabulary (several minutes, about 9 GiB)
    python benchmarks/loss.py --quick             a small one (seconds)
    python benchmarks/loss.py --device cuda --tokens 8192 --dtype bfloat16
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from sdpo_baselines.losses import chunked_distillation_loss, distillation_loss

ALPHA = 0.5
TOP_K = 100  # the paper's, without rich feedback
MIB = 2**20


def plain(student: Tensor, head: Tensor, teacher: Tensor, teacher_head: Tensor, tokens: Tensor, mask: Tensor) -> Tensor:
    log_p = (student @ head.t()).float().log_softmax(-1)
    log_q = (teacher @ teacher_head.t()).float().log_softmax(-1)
    log_m = ((1 - ALPHA) * log_p.exp() + ALPHA * log_q.exp()).clamp(min=1e-30).log()
    per_token = (1 - ALPHA) * (log_p.exp() * (log_p - log_m)).sum(-1) + ALPHA * (log_q.exp() * (log_q - log_m)).sum(-1)
    return (per_token * mask).sum() / mask.sum()


def logits(
    student: Tensor, head: Tensor, teacher: Tensor, teacher_head: Tensor, tokens: Tensor, mask: Tensor
) -> Tensor:
    return distillation_loss(student @ head.t(), teacher @ teacher_head.t(), tokens, mask, alpha=ALPHA, top_k=TOP_K)


def chunked(
    student: Tensor, head: Tensor, teacher: Tensor, teacher_head: Tensor, tokens: Tensor, mask: Tensor
) -> Tensor:
    return chunked_distillation_loss(student, head, teacher, teacher_head, tokens, mask, alpha=ALPHA, top_k=TOP_K)


SYSTEMS: dict[str, Callable[..., Tensor]] = {"chunked": chunked, "logits": logits, "plain": plain}


def inputs(args: argparse.Namespace) -> list[Tensor]:
    torch.manual_seed(0)
    options = {"device": args.device, "dtype": getattr(torch, args.dtype)}
    student = torch.randn(1, args.tokens, args.hidden, **options)
    teacher = student + 0.3 * torch.randn(1, args.tokens, args.hidden, **options)
    head = torch.randn(args.vocabulary, args.hidden, **options).mul_(3 / args.hidden**0.5)
    tokens = torch.randint(args.vocabulary, (1, args.tokens), device=args.device)
    mask = torch.ones(1, args.tokens, device=args.device)
    # the teacher's embeddings are others, or there would be one gradient too few to compare
    return [student.requires_grad_(), head.requires_grad_(), teacher, head.detach() * 1.01, tokens, mask]


def run(name: str, data: list[Tensor]) -> None:
    data[0].grad = data[1].grad = None
    SYSTEMS[name](*data).backward()


def settle(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def reset_peak() -> None:
    """Let the kernel count this process's peak from now on (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")


def peak_rss() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def measure_memory(name: str, args: argparse.Namespace) -> None:
    """Print peak bytes beyond the inputs and beyond inputs and gradients, for the parent."""
    tiny = argparse.Namespace(**{**vars(args), "tokens": 4, "hidden": 8, "vocabulary": 256})
    run(name, inputs(tiny))  # libraries are loaded, threads are started
    data = inputs(args)
    gradients = sum(t.numel() * t.element_size() for t in data if t.requires_grad)
    settle(args.device)
    if args.device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        run(name, data)
        settle(args.device)
        peak = torch.cuda.max_memory_allocated() - before
    else:
        reset_peak()
        before = peak_rss()
        run(name, data)
        peak = peak_rss() - before
    print(peak, peak - gradients)


def command(args: argparse.Namespace, name: str) -> list[str]:
    sizes = ["--tokens", args.tokens, "--hidden", args.hidden, "--vocabulary", args.vocabulary]
    rest = ["--device", args.device, "--dtype", args.dtype, "--threads", args.threads, "--memory-of", name]
    return [sys.executable, __file__, *map(str, [*sizes, *rest])]


def compare_memory(args: argparse.Namespace) -> None:
    samples: dict[str, list[tuple[int, int]]] = {name: [] for name in SYSTEMS}
    for _ in range(args.memory_rounds):
        for name in SYSTEMS:
            out = subprocess.run(command(args, name), capture_output=True, text=True, check=True).stdout
            peak, beyond = map(int, out.split())
            samples[name].append((peak, beyond))
    print("\npeak memory beyond the inputs, MiB; in brackets beyond inputs and gradients")
    base = [statistics.median(column) for column in zip(*samples["plain"], strict=True)]
    for name, found in samples.items():
        peak, beyond = (statistics.median(column) for column in zip(*found, strict=True))
        raw = " ".join(f"{a / MIB:.0f}({b / MIB:.0f})" for a, b in found)
        shares = f"{peak / base[0]:.3f} ({beyond / base[1]:.3f})"
        print(f"  {name:8} {peak / MIB:7.0f} ({beyond / MIB:6.0f})   of plain {shares}   raw {raw}", flush=True)


def compare_time(args: argparse.Namespace) -> None:
    data = inputs(args)
    samples: dict[str, list[float]] = {name: [] for name in SYSTEMS}
    for _ in range(args.rounds + 1):  # the first one warms up
        for name in SYSTEMS:
            settle(args.device)
            start = time.perf_counter()
            run(name, data)
            settle(args.device)
            samples[name].append(time.perf_counter() - start)
    print("\nseconds forward and backward")
    for name, seconds in samples.items():
        ratios = [a / b for a, b in zip(seconds[1:], samples["plain"][1:], strict=True)]
        print(
            f"  {name:8} {statistics.median(seconds[1:]):7.3f}"
            f"  / plain {statistics.median(ratios):5.2f} [{min(ratios):.2f}-{max(ratios):.2f}]"
            f"  raw {' '.join(f'{s:.3f}' for s in seconds[1:])}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few dimensions, a small vocabulary, two rounds")
    parser.add_argument("--tokens", type=int, default=1024)
    parser.add_argument("--hidden", type=int, default=1024)
    parser.add_argument("--vocabulary", type=int, default=151_936)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory-rounds", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--memory-of", choices=list(SYSTEMS), help=argparse.SUPPRESS)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    if args.memory_of:
        measure_memory(args.memory_of, args)
        return
    if args.quick:
        args.tokens, args.hidden, args.vocabulary, args.rounds, args.memory_rounds = 1024, 128, 32_000, 2, 1
    print(
        f"load {os.getloadavg()}, {os.cpu_count()} cores, {args.threads} threads, torch {torch.__version__}\n"
        f"T = {args.tokens}, H = {args.hidden}, V = {args.vocabulary}, {args.dtype} on {args.device}, "
        f"alpha {ALPHA}, top-{TOP_K} and tail (plain: everything)"
    )
    compare_memory(args)
    compare_time(args)
    print(f"load {os.getloadavg()}")


if __name__ == "__main__":
    main()
