"""Peak memory of a process and its children, as the kernel counted it."""

from collections import defaultdict
from pathlib import Path


def peaks_mb(pid: int) -> list[int]:
    """One figure a process, the largest first. Needs Linux's /proc; elsewhere, none."""
    children: dict[int, list[int]] = defaultdict(list)
    peaks: dict[int, int] = {}
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            text = status.read_text()
        except OSError:  # ended meanwhile
            continue
        facts = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
        if "VmHWM" in facts:
            this = int(facts["Pid"])
            peaks[this] = int(facts["VmHWM"].split()[0]) // 1024
            children[int(facts["PPid"])].append(this)
    family, found = [pid], []
    while family:
        member = family.pop()
        family.extend(children[member])
        if member in peaks:
            found.append(peaks[member])
    return sorted(found, reverse=True)
