#!/usr/bin/env python3
"""Keep what ptxas reports of each CUDA kernel: registers, spills, shared memory.

As a compiler launcher, `ptxas_report.py nvcc ... -o OBJECT ...` runs the compiler, takes the
"ptxas info" lines out of its output and writes them to OBJECT.ptxas.txt. Afterwards
`ptxas_report.py --join REPORT OBJECT...` puts those files together.
"""

import subprocess
import sys
from pathlib import Path

OF_REPORT = ("ptxas info", "    ")
"""How the lines of the report start; the indented ones continue the line before."""


def compile_and_keep(command: list[str]) -> int:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    lines = done.stdout.splitlines()
    if done.returncode == 0 and "-o" in command:
        report = [line for line in lines if line.startswith(OF_REPORT)]
        lines = [line for line in lines if not line.startswith(OF_REPORT)]
        target = Path(command[command.index("-o") + 1] + ".ptxas.txt")
        target.write_text("".join(f"{line}\n" for line in report), encoding="utf-8")
    sys.stderr.write("".join(f"{line}\n" for line in lines))
    return done.returncode


def join(report: Path, objects: list[str]) -> int:
    texts = [Path(f"{name}.ptxas.txt").read_text(encoding="utf-8") for name in sorted(objects)]
    report.write_text("".join(texts), encoding="utf-8")
    return 0


if __name__ == "__main__":
    arguments = sys.argv[1:]
    if arguments[:1] == ["--join"]:
        sys.exit(join(Path(arguments[1]), arguments[2:]))
    sys.exit(compile_and_keep(arguments))
