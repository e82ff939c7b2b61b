"""The machine, Python and packages that made results, without the name of the machine."""

import hashlib
import json
import os
import platform
import re
from pathlib import Path

from lib import files, provenance

DESCRIBED = "verify.json"  # next to results.csv: whose results, and which machine


def here() -> dict[str, str]:
    """Describe this machine in words, and the versions that its results depend on."""
    return {
        "platform": f"{platform.system()}, {platform.machine()}, {os.cpu_count()} cores",
        "processor": _processor(),
        "Python": platform.python_version(),
        **provenance.versions(),
    }


def _processor() -> str:
    listed = Path("/proc/cpuinfo")
    model = listed.exists() and re.search(r"^model name\s*: (.+)$", listed.read_text(), re.M)
    return model[1] if model else platform.processor() or "unknown"


def kept_with(results: str, described: str) -> dict[str, str]:
    """Return the machine of results from the text of their verify.json; empty if of others."""
    try:
        kept = json.loads(described)
    except ValueError:
        return {}
    return kept["machine"] if kept.get("results") == _digest(results) else {}


def keep() -> None:
    """Name this machine next to reports/results.csv, unless these results have one already."""
    results, path = files.RESULTS.read_text(), files.RESULTS.with_name(DESCRIBED)
    if kept_with(results, path.read_text() if path.exists() else ""):
        return
    content = {"results": _digest(results), "machine": here()}
    with files.whole_file(path) as unfinished:
        unfinished.write_text(json.dumps(content, indent=1) + "\n")


def pinned(requirements: str) -> dict[str, str]:
    """Return the versions in the text of a requirements.txt."""
    pins = dict(re.findall(r"^([\w.-]+)==([^\s;]+)", requirements, re.M))
    return {name: pins[name] for name in provenance.PACKAGES if name in pins}


def _digest(results: str) -> str:
    return hashlib.sha256(results.strip().encode()).hexdigest()
