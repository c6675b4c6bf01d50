"""`refinemask train` in float64, where no rounding error decides which boxes are sampled.

Run it with torchrun. With PRESS_CTRL_C set, the first process has torchrun interrupted after the
first iteration.
"""

import os
import signal
import time

import torch

from refinemask.cli.main import app
from refinemask.training.metrics import MetricsLog


def press_ctrl_c_after_the_first_iteration() -> None:
    """Interrupt torchrun, which passes it on, and train on when this process has received it."""
    write = MetricsLog.write

    def write_and_interrupt(log, values):
        write(log, values)
        received = []

        def receive(number, frame):
            received.append(number)
            handler(number, frame)

        handler = signal.signal(signal.SIGINT, receive)
        os.kill(os.getppid(), signal.SIGINT)
        while not received:
            time.sleep(0.01)
        signal.signal(signal.SIGINT, handler)
        MetricsLog.write = write

    MetricsLog.write = write_and_interrupt


if __name__ == "__main__":
    torch.set_default_dtype(torch.float64)
    if os.environ.get("PRESS_CTRL_C"):
        press_ctrl_c_after_the_first_iteration()
    app(prog_name="refinemask")
