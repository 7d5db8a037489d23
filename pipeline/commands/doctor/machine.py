"""`gait doctor`: does this machine have what the pipeline needs, and what to do where it has not."""

from __future__ import annotations

import ctypes
import importlib
import importlib.metadata
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

from pipeline.config import OutputConfig
from pipeline.errors import CheckpointError, GaitError
from pipeline.profiles import configs_dir, load_config, profiles
from pipeline.weights.cards import cards
from pipeline.weights.checkpoints import cache_folder, download_folder, locate, resolve, search_folders

State = Literal["ok", "broken", "absent"]  # absent: something optional, or still to be fetched

_MARKS: Mapping[State, str] = {"ok": "✓", "broken": "✗", "absent": "–"}
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
_ENCODERS = {"libx264": "broken"}  # every annotated video is written with it
_DECODERS: Mapping[str, State] = {
    "h264": "broken",
    "hevc": "absent",
    "vp9": "absent",
    "av1": "absent",
    "mpeg4": "absent",
}
_LITTLE_DISK = 500e6  # bytes; an annotated minute of HD takes about a tenth of it
_LITTLE_RAM = 4e9  # bytes; a run of the light profile stays below two


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report. remedy: what to do, "" where nothing is to be done."""

    section: str
    name: str
    state: State
    detail: str
    remedy: str = ""


def doctor(checkpoints: Path | None = None, as_json: bool = False, videos: Sequence[str] = ()) -> int:
    """Examine this machine, or some videos, and print the report. 0, or 1 when something that is needed is broken."""
    if videos:
        from pipeline.commands.doctor.video import examine_video  # imports every stage

        found = [check for video in videos for check in examine_video(video, checkpoints)]
    else:
        found = examine(checkpoints)
    print(json.dumps(report(found), indent=2, ensure_ascii=False) if as_json else "\n".join(_lines(found)))
    return 1 if any(check.state == "broken" for check in found) else 0


def examine(checkpoints: Path | None = None) -> list[Check]:
    """Every check, in the order of the report."""
    return [*_versions(), *_machine(), *_devices(), *_codecs(), *_checkpoints(checkpoints), *_folders(checkpoints)]


def report(found: Sequence[Check]) -> dict[str, object]:
    """The checks as plain values, for --json."""
    return {"schema": 1, "ok": all(check.state != "broken" for check in found), "checks": [asdict(c) for c in found]}


def _lines(found: Sequence[Check]) -> Iterator[str]:
    section = ""
    for check in found:
        if check.section != section:
            section = check.section
            yield section
        remedy = f"  → {check.remedy}" if check.remedy else ""
        yield f"  {_MARKS[check.state]} {check.name:<22} {check.detail}{remedy}".rstrip()
    broken = sum(check.state == "broken" for check in found)
    yield "Nothing is broken." if not broken else f"{broken} broken: see the lines with {_MARKS['broken']}."


def _versions() -> Iterator[Check]:
    section = "Versions"
    old = sys.version_info < (3, 11)
    yield Check(
        section, "python", "broken" if old else "ok", platform.python_version(), "Use 3.11 or newer" if old else ""
    )
    yield Check(section, "gait", "ok", _version("gait") or "not installed, run from its folder")
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # OpenVINO would report its import
    for module, distribution in _PACKAGES.items():
        try:
            importlib.import_module(module)
        # whatever a broken native library raises while it loads is the finding
        except Exception as error:
            reason = " ".join(str(error).split())[:120] or type(error).__name__
            yield Check(section, module, "broken", reason, f"pip install --force-reinstall {distribution}")
        else:
            yield Check(section, module, "ok", _version(distribution) or _version("opencv-python") or "version unknown")


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _machine() -> Iterator[Check]:
    section = "Machine"
    yield Check(section, "system", "ok", f"{platform.system()} {platform.release()} {platform.machine()}")
    info = _first_cpu()
    flags = set(info.get("flags", info.get("Features", "")).split())
    name = info.get("model name") or platform.processor() or platform.machine()
    yield Check(section, "processor", "ok", f"{name}, {_cores()} of {os.cpu_count()} cores usable here")
    if flags:
        known = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "asimd", "bf16")
        has = [flag for flag in known if flag in flags]
        fast_bf16 = {"avx512_bf16", "amx_bf16", "bf16"} & flags
        slow = "" if flags & {"avx2", "asimd"} else "Networks will be slow without AVX2"
        detail = (
            f"{' '.join(has) or 'none known'}; runtime.precision=bf16 {'is fast' if fast_bf16 else 'gains nothing'}"
        )
        yield Check(section, "instructions", "absent" if slow else "ok", detail, slow)
    memory = _memory()
    if memory is not None:
        little = memory < _LITTLE_RAM
        remedy = "Use --config light, and close other programs" if little else ""
        yield Check(section, "memory", "absent" if little else "ok", f"{memory / 1e9:.1f} GB", remedy)


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
    section = "Devices"
    try:
        import openvino

        core = openvino.Core()
        names = ", ".join(
            f"{device} ({core.get_property(device, 'FULL_DEVICE_NAME')})" for device in core.available_devices
        )
        yield Check(section, "OpenVINO", "ok", names)
    except Exception as error:  # OpenVINO raises plain RuntimeErrors of its own wording; no device is the finding
        yield Check(
            section, "OpenVINO", "broken", " ".join(str(error).split())[:120], "pip install --force-reinstall openvino"
        )
    yield _cuda(section)
    try:
        import onnxruntime

        providers = ", ".join(name.removesuffix("ExecutionProvider") for name in onnxruntime.get_available_providers())
        yield Check(section, "ONNX Runtime", "ok", providers)
    except Exception:  # reported with its reason under Versions
        yield Check(section, "ONNX Runtime", "broken", "cannot be imported")


def _cuda(section: str) -> Check:
    try:
        import torch

        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if count:
            each = [torch.cuda.get_device_properties(index) for index in range(count)]
            return Check(
                section, "CUDA", "ok", ", ".join(f"{gpu.name} {gpu.total_memory / 1e9:.0f} GB" for gpu in each)
            )
        build = torch.version.cuda
    except Exception as error:  # a driver that does not match its library raises many things
        return Check(section, "CUDA", "absent", " ".join(str(error).split())[:120], "The CPU is used")
    if _has_nvidia_driver():
        reason = (
            "torch is built without CUDA"
            if build is None
            else f"torch is built for CUDA {build}, the driver for another"
        )
        return Check(
            section, "CUDA", "absent", f"a GPU is there, but {reason}", "Install a CUDA build of torch to use it"
        )
    return Check(section, "CUDA", "absent", "no GPU; the CPU is used")


def _has_nvidia_driver() -> bool:
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True


def _codecs() -> Iterator[Check]:
    section = "Video"
    try:
        import av
    except Exception:  # reported with its reason under Versions
        yield Check(section, "codecs", "broken", "PyAV cannot be imported", "pip install --force-reinstall av")
        return
    remedy = "pip install --force-reinstall --only-binary av av"
    for name in _ENCODERS:
        works = name in av.codecs_available and _encodes(name)
        yield Check(section, f"write {name}", "ok" if works else "broken", "", "" if works else remedy)
    for name, missing in _DECODERS.items():
        try:
            av.codec.Codec(name, "r")
        except ValueError:  # PyAV's UnknownCodecError is one
            yield Check(section, f"read {name}", missing, "no decoder", remedy)
        else:
            yield Check(section, f"read {name}", "ok", "")


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

    section = "Checkpoints"
    try:
        folders = search_folders(explicit)
        wrong: dict[str, CheckpointError] = {}
        table = cards(folders, wrong)
    except GaitError as error:
        yield Check(section, "folders", "broken", str(error))
        return
    for name, problem in wrong.items():
        yield Check(section, name, "broken", str(problem))
    if not profiles() or not table:
        yield Check(section, "configs", "broken", f"no profiles or cards in {configs_dir()}", "Install gait again")
    for profile in profiles():
        missing = []
        for name in checkpoints_of(load_config(profile)):
            if name in table and not locate(table[name], folders):
                missing.append(name)
                continue
            try:
                if name in table:
                    resolve(name, None, folders)
            except GaitError as error:
                yield Check(section, profile, "broken", str(error))
        fetch = f"gait checkpoints fetch {profile}"
        yield Check(
            section,
            profile,
            "absent" if missing else "ok",
            f"missing: {', '.join(missing)}" if missing else "all here",
            fetch if missing else "",
        )


def _folders(checkpoints: Path | None) -> Iterator[Check]:
    section = "Folders"
    output = Path(OutputConfig().folder)
    existing = next(folder for folder in (output, *output.absolute().parents) if folder.is_dir())
    free = shutil.disk_usage(existing).free
    little = free < _LITTLE_DISK
    remedy = "Free some space, or choose another disk with --output" if little else ""
    yield Check(section, "free disk", "broken" if little else "ok", f"{free / 1e9:.1f} GB for {output}/", remedy)
    needed: tuple[tuple[str, Path, State, str], ...] = (
        ("results", output, "broken", "Choose another folder with --output"),
        (
            "downloads",
            download_folder(checkpoints),
            "absent",
            "Make it writable, or fetch into another with --checkpoints",
        ),
        ("cache", cache_folder(), "absent", "Works without; hashes are computed again each time"),
    )
    for name, folder, unwritable, advice in needed:
        writable = _writable(folder)
        detail = f"{folder}{'' if writable else ' cannot be written'}"
        yield Check(section, name, "ok" if writable else unwritable, detail, "" if writable else advice)


def _writable(folder: Path) -> bool:
    """Whether a file can be made in it, or in the nearest folder above that exists."""
    existing = next((path for path in (folder, *folder.absolute().parents) if path.exists()), None)
    try:
        with tempfile.TemporaryFile(dir=existing):
            return True
    except OSError:
        return False
