"""`gait doctor`: does this machine have what the pipeline needs, and what to do where it has not."""

from __future__ import annotations

import ctypes
import importlib
import importlib.metadata
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path

from pipeline.commands.doctor.check import Check, State, unless
from pipeline.config import OutputConfig
from pipeline.errors import CheckpointError, GaitError
from pipeline.files import reason_of
from pipeline.profiles import configs_dir, load_config, profiles
from pipeline.weights.cards import cards
from pipeline.weights.checkpoints import cache_folder, download_folder, locate, resolve, search_folders

_PACKAGES = {  # import name → name of the distribution
    "torch": "torch",
    "openvino": "openvino",
    "onnxruntime": "onnxruntime",
    "cv2": "opencv-python-headless",
    "av": "av",
    "numpy": "numpy",
    "lap": "lap",
    "safetensors": "safetensors",
    "PIL": "pillow",
}
_DECODERS: Mapping[str, State] = {
    "h264": "broken",
    "hevc": "absent",
    "vp9": "absent",
    "av1": "absent",
    "mpeg4": "absent",
}
_LITTLE_DISK = 500e6  # bytes; an annotated minute of HD takes about a tenth of it
_LITTLE_RAM = 4e9  # bytes; a run of the light profile stays below two


def examine(checkpoints: Path | None = None) -> dict[str, list[Check]]:
    """Every check, by section, in the order of the report."""
    sections: Mapping[str, Iterator[Check]] = {
        "Versions": _versions(),
        "Machine": _machine(),
        "Devices": _devices(),
        "Video": _codecs(),
        "Checkpoints": _checkpoints(checkpoints),
        "Folders": _folders(checkpoints),
    }
    return {section: list(checks) for section, checks in sections.items()}


def _versions() -> Iterator[Check]:
    yield unless(sys.version_info >= (3, 11), "broken", "python", platform.python_version(), "Use 3.11 or newer")
    yield Check("gait", "ok", _version("gaitid") or "not installed, run from its folder")
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # OpenVINO would report its import
    for module, distribution in _PACKAGES.items():
        try:
            importlib.import_module(module)
        except Exception as error:  # whatever a broken native library raises while it loads is the finding
            yield Check(module, "broken", reason_of(error), _again(distribution))
        else:
            yield Check(module, "ok", _version(distribution) or _version("opencv-python") or "version unknown")


def _again(distribution: str) -> str:
    return f"pip install --force-reinstall {distribution}"


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _machine() -> Iterator[Check]:
    yield Check("system", "ok", f"{platform.system()} {platform.release()} {platform.machine()}")
    info = _first_cpu()
    flags = set(info.get("flags", info.get("Features", "")).split())
    name = info.get("model name") or platform.processor() or platform.machine()
    yield Check("processor", "ok", f"{name}, {_cores()} of {os.cpu_count()} cores usable here")
    if flags:
        known = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "asimd", "bf16")
        has = " ".join(flag for flag in known if flag in flags) or "none known"
        gain = "is fast" if {"avx512_bf16", "amx_bf16", "bf16"} & flags else "gains nothing"
        detail = f"{has}; runtime.precision=bf16 {gain}"
        fast = bool(flags & {"avx2", "asimd"})
        yield unless(fast, "absent", "instructions", detail, "Networks will be slow without AVX2")
    memory = _memory()
    if memory is not None:
        remedy = "Use --config light, and close other programs"
        yield unless(memory >= _LITTLE_RAM, "absent", "memory", f"{memory / 1e9:.1f} GB", remedy)


def _first_cpu() -> dict[str, str]:
    """The first processor's entries of /proc/cpuinfo; empty on other systems."""
    try:
        block = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split("\n\n")[0]
    except OSError:
        return {}
    pairs = (line.partition(":") for line in block.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _memory() -> int | None:
    """Bytes of RAM, or None where the system does not say. A container's own limit counts."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None
    try:
        return min(total, int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    except (OSError, ValueError):  # no such group, or "max"
        return total


def _devices() -> Iterator[Check]:
    for name, look, failed, remedy in _DEVICES:
        try:
            yield look()
        except Exception as error:  # of a library or driver that does not match: the finding
            yield Check(name, failed, reason_of(error), remedy)


def _openvino() -> Check:
    from pipeline.inference.runtime import openvino_core

    core = openvino_core()
    names = (f"{device} ({core.get_property(device, 'FULL_DEVICE_NAME')})" for device in core.available_devices)
    return Check("OpenVINO", "ok", ", ".join(names))


def _cuda() -> Check:
    import torch

    if torch.cuda.is_available() and (count := torch.cuda.device_count()):
        each = (torch.cuda.get_device_properties(index) for index in range(count))
        return Check("CUDA", "ok", ", ".join(f"{gpu.name} {gpu.total_memory / 1e9:.0f} GB" for gpu in each))
    if not _has_nvidia_driver():
        return Check("CUDA", "absent", "no GPU; the CPU is used")
    build = torch.version.cuda
    reason = f"is built for CUDA {build}, the driver for another" if build else "is built without CUDA"
    detail = f"a GPU is there, but torch {reason}"
    return Check("CUDA", "absent", detail, "Install a CUDA build of torch to use it")


def _onnx_runtime() -> Check:
    import onnxruntime

    providers = (name.removesuffix("ExecutionProvider") for name in onnxruntime.get_available_providers())
    return Check("ONNX Runtime", "ok", ", ".join(providers))


_DEVICES: tuple[tuple[str, Callable[[], Check], State, str], ...] = (
    ("OpenVINO", _openvino, "broken", _again("openvino")),
    ("CUDA", _cuda, "absent", "The CPU is used"),
    ("ONNX Runtime", _onnx_runtime, "broken", _again("onnxruntime")),
)


def _has_nvidia_driver() -> bool:
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True


def _codecs() -> Iterator[Check]:
    try:
        import av
    except Exception:  # reported with its reason under Versions
        yield Check("codecs", "broken", "PyAV cannot be imported", _again("av"))
        return
    remedy = _again("--only-binary av av")
    yield unless(_encodes("libx264"), "broken", "write libx264", "", remedy)  # every annotated video's
    for name, missing in _DECODERS.items():
        try:
            av.codec.Codec(name, "r")
        except ValueError:  # PyAV's UnknownCodecError is one
            yield Check(f"read {name}", missing, "no decoder", remedy)
        else:
            yield Check(f"read {name}", "ok")


def _encodes(name: str) -> bool:
    """Whether the encoder really encodes: being listed is not enough."""
    import av

    try:
        encoder = av.CodecContext.create(name, "w")
        assert isinstance(encoder, av.VideoCodecContext)
        encoder.width, encoder.height, encoder.pix_fmt = 64, 64, "yuv420p"
        encoder.framerate = Fraction(25)
        packets = [*encoder.encode(av.VideoFrame(64, 64, "yuv420p")), *encoder.encode(None)]
    except (av.FFmpegError, ValueError):
        return False
    return sum(packet.size for packet in packets) > 0


def _checkpoints(explicit: Path | None) -> Iterator[Check]:
    from pipeline.extraction.networks import checkpoints_of

    try:
        folders = search_folders(explicit)
        wrong: dict[str, CheckpointError] = {}
        table = cards(folders, wrong)
    except GaitError as error:
        yield Check("folders", "broken", str(error))
        return
    for name, problem in wrong.items():
        yield Check(name, "broken", str(problem))
    if not profiles() or not table:
        yield Check("configs", "broken", f"no profiles or cards in {configs_dir()}", "Install gait again")
    for profile in profiles():
        needed = [name for name in checkpoints_of(load_config(profile)) if name in table]
        missing = [name for name in needed if not locate(table[name], folders)]
        for name in needed:
            try:
                if name not in missing:
                    resolve(name, None, folders)
            except GaitError as error:
                yield Check(profile, "broken", str(error))
        detail = f"missing: {', '.join(missing)}" if missing else "all here"
        yield unless(not missing, "absent", profile, detail, f"gait checkpoints fetch {profile}")


def _folders(checkpoints: Path | None) -> Iterator[Check]:
    output = Path(OutputConfig().folder)
    existing = next(folder for folder in (output, *output.absolute().parents) if folder.is_dir())
    free = shutil.disk_usage(existing).free
    remedy = "Free some space, or choose another disk with --output"
    yield unless(free >= _LITTLE_DISK, "broken", "free disk", f"{free / 1e9:.1f} GB for {output}/", remedy)
    downloads = download_folder(checkpoints)
    needed: tuple[tuple[str, Path, State, str], ...] = (
        ("results", output, "broken", "Choose another folder with --output"),
        ("downloads", downloads, "absent", "Make it writable, or fetch into another with --checkpoints"),
        ("cache", cache_folder(), "absent", "Works without; hashes are computed again each time"),
    )
    for name, folder, unwritable, advice in needed:
        writable = _writable(folder)
        yield unless(writable, unwritable, name, f"{folder}{'' if writable else ' cannot be written'}", advice)


def _writable(folder: Path) -> bool:
    """Whether a file can be made in it, or in the nearest folder above that exists."""
    existing = next((path for path in (folder, *folder.absolute().parents) if path.exists()), None)
    try:
        with tempfile.TemporaryFile(dir=existing):
            return True
    except OSError:
        return False
