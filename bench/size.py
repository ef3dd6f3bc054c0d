"""What a recording takes: on disk, to write, and in CPU time; alone, and beside what else keeps such counts.

Beside others, the same seconds are kept by a loop that writes the raw texts with their times, and by perf.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from report import report

BUILD = Path(__file__).resolve().parent.parent / "build"
ALONE_S, BESIDE_S = 60, 30
INTERVAL_S = 0.001

DATAGRAMS_A_SECOND, READS_A_SECOND = 500, 50


def main() -> None:
    BUILD.mkdir(exist_ok=True)
    print(f"# recordings at 1 kHz, {ALONE_S} s alone, {BESIDE_S} s beside others, idle and under light load")
    with tempfile.TemporaryDirectory(dir=BUILD) as folder:
        for load in ("idle", "light"):
            with ExitStack() as stack:
                if load == "light":
                    stack.enter_context(_light_load(Path(folder)))
                _alone(Path(folder), load)
                _beside(Path(folder), load)


def _alone(folder: Path, load: str) -> None:
    done = _record(folder / "alone.parquet", ALONE_S)
    report(f"size_{load}_a_sample", "B", [done["file"] / done["samples"]])
    report(f"size_{load}_written", "of-1", [done["written"] / done["file"]])
    report(f"size_{load}_writer", "ms/s", [done["writer_ns"] / 1e6 / ALONE_S])
    report(f"size_{load}_sampler", "ms/s", [done["sampler_ns"] / 1e6 / ALONE_S])


def _beside(folder: Path, load: str) -> None:
    trace, raw, perf = folder / "beside.parquet", folder / "raw", folder / "perf.data"
    others = [[sys.executable, __file__, "raw", str(raw), str(BESIDE_S)]]
    if _perf_works(folder):
        others.append(["perf", "record", "-q", "-a", "-e", "irq:*", "-o", str(perf), "--", "sleep", str(BESIDE_S)])
    running = [subprocess.Popen(other, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for other in others]
    size = _record(trace, BESIDE_S)["file"]
    for process in running:
        process.wait()
    report(f"size_{load}_beside", "B", [size])
    report(f"size_{load}_raw", "B", [raw.stat().st_size])
    if shutil.which("zstd"):
        subprocess.run(["zstd", "-q", "-f", "-3", "--long", str(raw), "-o", f"{raw}.zst"], check=True)
        report(f"size_{load}_zstd", "B", [Path(f"{raw}.zst").stat().st_size])
    else:
        print(f"# skipped size_{load}_zstd: zstd is not installed")
    if perf.exists():
        report(f"size_{load}_perf", "B", [perf.stat().st_size])
    else:
        print(f"# skipped size_{load}_perf: perf is not installed, or may not be used")
    import irqtrace  # noqa: PLC0415 - it is measured by others

    table = folder / "table.csv"
    irqtrace.open_trace(trace).frame().write_csv(table)
    report(f"size_{load}_csv", "B", [table.stat().st_size])
    for file in folder.iterdir():
        file.unlink()


def _record(path: Path, seconds: int) -> dict[str, float]:
    """Records in a process of its own, which tells what it took."""
    out = subprocess.run(
        [sys.executable, __file__, "record", str(path), str(seconds)], stdout=subprocess.PIPE, text=True, check=True
    )
    done: dict[str, float] = json.loads(out.stdout)
    return done | {"file": path.stat().st_size}


def record(path: str, seconds: int) -> None:
    """What the threads took is looked at before the end, since then they are gone."""
    from irqtrace.settings import Settings  # noqa: PLC0415 - in its own process

    settings = Settings.checked(
        interval="1ms", kinds=None, irqs=None, pin=None, fifo=None, lock_memory=False, dma_latency_us=None, spin="0us",
        batch_every="100ms", memory_limit=1 << 30, procfs="/proc",
    )  # fmt: skip
    written = _written()
    core = settings.sampler(path=path)
    core.start()
    time.sleep(seconds)
    taken = {"sampler_ns": _thread_ns("irqtrace-sample"), "writer_ns": _thread_ns("irqtrace-collec")}
    samples = core.progress().samples
    core.stop()
    print(json.dumps(taken | {"samples": samples, "written": _written() - written}))


def keep_raw(path: str, seconds: int) -> None:
    """Both texts each millisecond, each behind a line with the begin and the end of its read."""
    with Path(path).open("wb", buffering=1 << 20) as out, ExitStack() as stack:
        texts = [
            stack.enter_context(Path(f"/proc/{name}").open("rb", buffering=0)) for name in ("interrupts", "softirqs")
        ]
        begin = time.monotonic()
        for sample in range(int(seconds / INTERVAL_S)):
            time.sleep(max(begin + sample * INTERVAL_S - time.monotonic(), 0))
            for text in texts:
                text.seek(0)
                begin_ns = time.time_ns()
                read = text.read()
                out.write(b"%d %d\n%s" % (begin_ns, time.time_ns(), read))


@contextmanager
def _light_load(folder: Path) -> Iterator[None]:
    """Datagrams on loopback and single reads of the disk."""
    stop = threading.Event()
    workers = [
        threading.Thread(target=_datagrams, args=(stop,)),
        threading.Thread(target=_reads, args=(stop, folder / "read")),
    ]
    for worker in workers:
        worker.start()
    try:
        yield
    finally:
        stop.set()
        for worker in workers:
            worker.join()


def _datagrams(stop: threading.Event) -> None:
    udp = (socket.AF_INET, socket.SOCK_DGRAM)
    with socket.socket(*udp) as to, socket.socket(*udp) as out:
        to.bind(("127.0.0.1", 0))
        while not stop.wait(1 / DATAGRAMS_A_SECOND):
            out.sendto(b"x", to.getsockname())
            to.recv(1)


def _reads(stop: threading.Event, path: Path) -> None:
    path.write_bytes(bytes(1 << 20))
    try:
        file = os.open(path, os.O_RDONLY | os.O_DIRECT)
    except OSError:
        return
    import mmap  # noqa: PLC0415 - for memory at a page's begin, which direct reads want

    page = mmap.mmap(-1, 4_096)
    at = 0
    while not stop.wait(1 / READS_A_SECOND):
        os.preadv(file, [page], at)
        at = (at + 4_096) % (1 << 20)
    os.close(file)


def _perf_works(folder: Path) -> bool:
    command = ["perf", "record", "-q", "-a", "-e", "irq:*", "-o", str(folder / "trial"), "--", "true"]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def _thread_ns(name: str) -> int:
    """CPU time of the thread of this process with this name, of which the kernel keeps 15 letters."""
    for task in Path("/proc/self/task").iterdir():
        if (task / "comm").read_text().strip() == name:
            return int((task / "schedstat").read_text().split()[0])
    raise RuntimeError(f"no thread {name}")


def _written() -> int:
    facts = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(facts["wchar"])


if __name__ == "__main__":
    if sys.argv[1:2] == ["record"]:
        record(sys.argv[2], int(sys.argv[3]))
    elif sys.argv[1:2] == ["raw"]:
        keep_raw(sys.argv[2], int(sys.argv[3]))
    else:
        main()
