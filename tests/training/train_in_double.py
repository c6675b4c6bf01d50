"""`refinemask train` in float64, where no rounding error decides which boxes are sampled.

Run it with torchrun. With PRESS_CTRL_C set, the first process has torchrun interrupted after the
first iteration.
"""

import os
import signal
import time
from unittest.mock import patch

import torch

from refinemask.cli.main import app
from refinemask.training.metrics import MetricsLog

write = MetricsLog.write


def write_and_interrupt(log: MetricsLog, values: dict[str, object]) -> None:
    """Log, interrupt torchrun, and return when it has passed that on to this process."""
    write(log, values)
    received = []
    previous = signal.signal(signal.SIGINT, lambda number, _: received.append(number))
    os.kill(os.getppid(), signal.SIGINT)
    while not received:
        time.sleep(0.01)
    signal.signal(signal.SIGINT, previous)
    signal.raise_signal(signal.SIGINT)


if __name__ == "__main__":
    torch.set_default_dtype(torch.float64)
    if os.environ.get("PRESS_CTRL_C"):
        patch.object(MetricsLog, "write", write_and_interrupt).start()
    app(prog_name="refinemask")
