"""Asking for a run as a user does, in a process of its own: a fork of one that has torch loaded, or a new one."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
import types
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__)
CELL = "cell.py"
"""The code of a notebook: it is executed, and no file is imported. A structure `cell:Net` is Net in it."""
SITE = "site"
"""The folder of installed packages."""


def ask(work: str, asked: Mapping[str, Any], env: Mapping[str, str], argv: list[str]) -> dict[str, Any]:
    """Ask for a run in a folder, with these variables and this command line; return what came of it."""
    import probekit
    from probekit.catalog.registry import registry

    os.chdir(work)
    os.environ.update(env)
    sys.argv = ["ask", *argv]
    sys.dont_write_bytecode = True
    if os.path.isdir(SITE):
        sys.path.insert(0, os.path.abspath(SITE))
        registry.cache_clear()
    said: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("probekit").addHandler(handler)
    words = {"scale": "smoke", "device": "cpu", "store": "store", **asked}
    probe, structure = words.pop("probe"), words.pop("structure")
    if structure.startswith("cell:"):
        main = types.ModuleType("__main__")
        sys.modules["__main__"] = main
        exec(compile(Path(CELL).read_text(), "<cell>", "exec"), vars(main))
        structure = vars(main)[structure.removeprefix("cell:")]
    if argv == ["card"]:
        card = probekit.card(structure, probe, store="store")
        rows = [[run.seed for run in cell.runs] for column in card.columns for cell in column.cells]
        return {"rows": rows, "left_out": card.left_out}
    try:
        result = probekit.run(probe, structure, **words)
    except probekit.ProbekitError as error:
        return {"error": str(error), "said": said}
    found = result.model_dump(
        mode="json",
        include={
            "metrics", "train", "validation", "harder", "controls", "floors", "ceiling", "intervals",
            "measured", "along", "weights", "steps",
        },
    )  # fmt: skip
    return {"stamp": result.stored, "facts": found, "said": said, "unrepeatable": result.unrepeatable}


class Asker:
    """Asks in forks of a process that has loaded torch and probekit, so that each begins anew and at once."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(HERE)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"},
        )

    def ask(self, **request: Any) -> dict[str, Any]:
        """Ask in a fork; see the function of that name."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(json.dumps(request), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        assert line, "the process that asks is gone"
        found: dict[str, Any] = json.loads(line)
        assert "broken" not in found, found["broken"]
        return found


@contextmanager
def asker() -> Iterator[Asker]:
    """Hold a process that asks."""
    one = Asker()
    try:
        yield one
    finally:
        assert one.process.stdin is not None
        one.process.stdin.close()
        one.process.wait()


def ask_anew(env: Mapping[str, str], **request: Any) -> dict[str, Any]:
    """Ask in a new process, whose interpreter has started with these variables."""
    given = json.dumps({**request, "env": {}})
    done = subprocess.run(
        [sys.executable, str(HERE), "once"],
        input=given,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", **env},
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def warm() -> None:
    """Load what a run loads, by a run; its files are no case's."""
    sys.path.insert(0, str(HERE.parent.parent))
    from changes.tiny import ASKED, FILES

    with tempfile.TemporaryDirectory() as work:
        for name, text in FILES.items():
            (Path(work) / name).write_text(text + "# warm\n")
        found = ask(work, ASKED, {}, [])
        os.chdir("/")
    assert "stamp" in found, found


def serve() -> None:
    """Answer each line of stdin in a fork."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    warm()
    for line in sys.stdin:
        read, write = os.pipe()
        if (child := os.fork()) == 0:
            with os.fdopen(write, "w") as answer:
                try:
                    json.dump(ask(**json.loads(line)), answer)
                except BaseException as error:
                    json.dump({"broken": repr(error)}, answer)
            os._exit(0)
        os.close(write)
        with os.fdopen(read) as answer:
            print(answer.read() or '{"broken": "it ended without a word"}', file=out, flush=True)
        os.waitpid(child, 0)


if __name__ == "__main__":
    if sys.argv[1:] == ["once"]:
        given = json.load(sys.stdin)
        real, sys.stdout = sys.stdout, sys.stderr
        json.dump(ask(**given), real)
    else:
        serve()
