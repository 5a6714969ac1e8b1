"""The files in the image of Plane's API that a deploy reads: `manage.py`, migrations, a version."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from pathlib import Path

SOURCE = Path(__file__).parent / "image"

MIGRATIONS: dict[str, dict[str, tuple[str, ...]]] = {
    "1.2.2": {"db": ("0001_initial", "0112_auto"), "license": ("0001_initial", "0006_instance")},
    "1.3.1": {"db": ("0001_initial", "0112_auto", "0121_later"), "license": ("0001_initial", "0006_instance")},
}
"""By release, some of its migrations; each newer release has those of the older ones."""

# 1.2.2 reports itself as 1.2.0 (seen on Plane 1.2.2).
VERSIONS = {"1.2.2": "1.2.0"}


def write_image(directory: Path, version: str) -> None:
    """Write the files in the working directory of a release's image."""
    shutil.copytree(SOURCE, directory, ignore=shutil.ignore_patterns("__pycache__"))
    python = directory / "bin" / "python"
    python.parent.mkdir(exist_ok=True)
    python.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -B -S "$@"\n')
    python.chmod(0o755)
    package = {"name": "plane-api", "version": VERSIONS.get(version, version)}
    (directory / "package.json").write_text(json.dumps(package, indent=2) + "\n")
    for app, names in MIGRATIONS.get(version, MIGRATIONS["1.3.1"]).items():
        folder = directory / "plane" / app / "migrations"
        folder.mkdir(parents=True)
        for name in names:
            (folder / f"{name}.py").touch()
