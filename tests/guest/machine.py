"""Boots Debian's own kernel under software emulation, with the tree of this machine to read."""

from __future__ import annotations

import io
import lzma
import platform
import shlex
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from .wake import wait_and_wake

__all__ = ["boot", "missing"]

QEMU = "qemu-system-x86_64"
TOOLS = {QEMU: "qemu-system-x86", "busybox": "busybox-static", "cpio": "cpio"}
"""What is run here, and the Debian package that has it."""

ROOT = Path(__file__).parents[2]
KERNEL = ROOT / "build" / "guest" / "kernel"
"""The unpacked package of a kernel."""

MODULES = ("virtio_pci", "9pnet_virtio", "9p", "virtio_rng")

RNG_ADDRESS = 9
"""Where on the PCI bus the device is whose driver is unbound and bound."""


def missing() -> str | None:
    """Why no guest can run here, and what would help; None if one can."""
    if platform.machine() != "x86_64":
        return f"the guest is an x86-64 machine that runs this one's programs, and this one is {platform.machine()}"
    packages = [package for tool, package in TOOLS.items() if shutil.which(tool) is None]
    if packages:
        return f"apt-get install {' '.join(packages)}"
    if not list(KERNEL.glob("boot/vmlinuz-*")):
        return f"no kernel in {KERNEL}: make guest-test downloads Debian's package linux-image-amd64 where apt-get can"
    return None


def boot(cpus: int, command: list[str], folder: Path, timeout_s: float) -> dict[str, bytes]:
    """Runs a command as root in a guest of so many CPUs: the files that it wrote, as tar, to its second serial port.

    Raises:
        AssertionError: if it has not ended in time, or wrote no files; the message has the end of its console.
    """
    initrd, console, result = (folder / name for name in ("initrd", "console", "result"))
    initrd.write_bytes(_initrd(command))
    qemu = [QEMU, "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", str(cpus), "-m", "1536"]
    qemu += ["-nodefaults", "-no-reboot", "-display", "none", "-kernel", str(next(KERNEL.glob("boot/vmlinuz-*")))]
    qemu += ["-initrd", str(initrd), "-append", "console=ttyS0 quiet panic=-1 mitigations=off"]
    share = "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap"
    qemu += ["-virtfs", share, "-device", f"virtio-rng-pci,addr={RNG_ADDRESS:#x}"]
    qemu += ["-serial", f"file:{console}", "-serial", f"file:{result}"]
    control = folder / "control"
    qemu += ["-qmp", f"unix:{control},server=on,wait=off"]
    problem = ""
    with (folder / "errors").open("wb") as errors:
        process = subprocess.Popen(qemu, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors)
        try:
            if not wait_and_wake(process, control, timeout_s):
                problem = f"it has not ended after {timeout_s} s"
        finally:
            process.kill()
            process.wait()
    if process.returncode and not problem:
        problem = (folder / "errors").read_text(errors="replace")
    try:
        with tarfile.open(fileobj=io.BytesIO(result.read_bytes()), mode="r:") as files:
            found = {member.name: files.extractfile(member) for member in files}
            read = {name: file.read() for name, file in found.items() if file is not None}
    except (OSError, tarfile.TarError) as error:
        problem += f"\nno files came: {error}"
    else:
        if not problem:
            return read
    tail = console.read_text(errors="replace")[-4_000:] if console.exists() else ""
    raise AssertionError(f"the guest of {cpus} CPUs: {problem}\n{tail}")


def _initrd(command: list[str]) -> bytes:
    """The first file system of the guest: a shell, the kernel's modules, and the command."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for folder in ("bin", "modules", "host", "proc"):
            (root / folder).mkdir()
        shutil.copy(str(shutil.which("busybox")), root / "bin" / "busybox")
        shutil.copy(Path(__file__).with_name("init.sh"), root / "init")
        (root / "init").chmod(0o755)
        (root / "command").write_text(shlex.join(command))
        modules = _modules()
        for module, content in modules.items():
            (root / "modules" / module).write_bytes(content)
        (root / "modules" / "order").write_text("\n".join(modules))
        names = "\n".join(str(path.relative_to(root)) for path in sorted(root.rglob("*")))
        packed = subprocess.run(
            ["cpio", "--quiet", "-o", "-H", "newc", "-R", "0:0"],  # noqa: S607 - Debian's own, on the path
            input=names.encode(),
            cwd=root,
            capture_output=True,
            check=True,
        )
        return packed.stdout


def _modules() -> dict[str, bytes]:
    """Those that the guest needs, each behind the ones that it depends on."""
    files = {_module_name(path.name): path for path in KERNEL.rglob("*.ko*")}
    found: dict[str, bytes] = {}

    def add(name: str) -> None:
        # What is not there is part of the kernel.
        if name in found or name not in files:
            return
        path = files[name]
        content = lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()
        depends = content.partition(b"\0depends=")[2].partition(b"\0")[0].decode()
        for needed in filter(None, depends.split(",")):
            add(_module_name(needed))
        found[name] = content

    for name in MODULES:
        add(name)
    return found


def _module_name(file: str) -> str:
    return file.partition(".ko")[0].replace("-", "_")
