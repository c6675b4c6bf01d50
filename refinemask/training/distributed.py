"""Several processes that train one model together, started by torchrun."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.distributed_c10d import PrefixStore, Store

from refinemask.errors import RefineMaskError

_PATIENCE = timedelta(days=1)
"""How long processes wait for one another: the first one evaluates while the others wait."""


class PeerFailed(Exception):
    """This process ends because another one failed or was interrupted first, and said so."""


@dataclass(frozen=True)
class World:
    """The processes of a run; by default this one alone."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    """Number of this process on its machine."""

    @property
    def is_main(self) -> bool:
        """Whether this process writes files and shows progress."""
        return self.rank == 0

    def any(self, flag: bool) -> bool:
        """Return whether the flag is set in any process. All must call this."""
        if self.size == 1:
            return flag
        flags = torch.tensor([int(flag)])
        dist.all_reduce(flags, dist.ReduceOp.MAX)
        return bool(flags.item())

    def mean(self, values: Tensor) -> Tensor:
        """Return the mean of each value over the processes. All must call this."""
        return _sum(values) / self.size if self.size > 1 else values

    def own_device(self, device: str) -> str:
        """Return the device that `--device` means to this process: a GPU each, or the CPU.

        Raises:
            RefineMaskError: there are not enough GPUs, or one was picked for all processes.
        """
        if self.size == 1 or device == "cpu":
            return device
        count = torch.cuda.device_count()
        if device == "auto" and not count:
            return "cpu"
        if device not in ("auto", "cuda"):
            raise RefineMaskError(
                f"each of {self.size} processes takes its own GPU, so --device must be auto, "
                f"cuda or cpu, got {device}"
            )
        if self.local_rank >= count:
            raise RefineMaskError(
                f"process {self.local_rank + 1} on this machine has no GPU: PyTorch sees {count}; "
                f"use --nproc-per-node {max(count, 1)} or --device cpu"
            )
        return f"cuda:{self.local_rank}"


@contextmanager
def processes() -> Iterator[World]:
    """Join the other processes if torchrun started this one.

    Raises:
        PeerFailed: instead of an error or interruption of this process, when that of another
            process came first.
    """
    if not dist.is_torchelastic_launched() or os.environ["WORLD_SIZE"] == "1":
        yield World()
        return
    from torch.distributed.rendezvous import rendezvous

    store, rank, size = next(iter(rendezvous("env://", timeout=_PATIENCE)))
    attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    store = PrefixStore(f"refinemask/{attempt}", store)
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=_PATIENCE)
    try:
        yield World(rank, size, int(os.environ["LOCAL_RANK"]))
    except BaseException as error:
        if _is_first_failure(store):
            raise
        raise PeerFailed from error
    dist.destroy_process_group()


def _is_first_failure(store: Store) -> bool:
    with suppress(Exception):  # the store itself may be gone with the process that held it
        return store.add("failures", 1) == 1
    return False


def mean_count(count: int | Tensor, device: torch.device | None = None) -> Tensor:
    """Return what to divide the sum of a loss by: its number of terms, at least 1.

    With several processes it is the mean of their numbers: as DistributedDataParallel averages
    the gradients of the processes, the result is the gradient of one process that has the whole
    batch. (The official code averages the losses of the GPUs, however many terms each has.)

    All processes must call this equally often, also with a count of 0.

    Args:
        count: the number of terms in this process.
        device: where to put a count that is an int.

    Returns:
        float32 scalar.
    """
    total = torch.as_tensor(count, dtype=torch.float32, device=device)
    if not dist.is_initialized():
        return total.clamp(min=1)
    return _sum(total).clamp(min=1) / dist.get_world_size()


def _sum(values: Tensor) -> Tensor:
    values = values.detach().clone()
    dist.all_reduce(values)
    return values
