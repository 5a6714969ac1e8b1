"""The library from its wheel, in an environment and a folder that have nothing else of this project."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.deploy.target import CHECKOUT, SECRETS, Target, environment_with
from tests.examples.test_lab import PLAN, set_up

__all__ = ["set_up"]

CONFIG = """\
from pyinfra import state
from pyinfra_plane.configure import configure

configure(state)
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the wheel. What the wheel needs comes from this one's, by a link."""
    directory = tmp_path_factory.mktemp("installed")
    source = directory / "source"
    for name in ("pyinfra_plane", "operations"):
        shutil.copytree(CHECKOUT / name, source / name)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(CHECKOUT / name, source)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    build = ["wheel", "--no-index", "--no-deps", "--no-build-isolation", "-w", str(directory), str(source)]
    subprocess.run([*pip, *build], check=True, timeout=120)
    [wheel] = directory.glob("*.whl")
    environment = directory / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True, timeout=60)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = environment / "lib" / version / "site-packages"
    packages.joinpath("needed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    install = ["install", "--no-index", "--no-deps", "--target", str(packages), str(wheel)]
    subprocess.run([*pip, *install], check=True, timeout=120)
    return environment / "bin" / "python"


def test_a_deploy_of_ones_own_needs_the_package_and_a_few_settings(
    installed: Path, set_up: Target, tmp_path: Path
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    text = (CHECKOUT / "examples/lab/lab.py").read_text()
    assert "from operations import" in text
    (own / "deploy.py").write_text(text.replace("from operations import", "from pyinfra_plane.operations import"))
    shutil.copytree(CHECKOUT / "examples/lab/group_data", own / "group_data")
    shutil.copy(CHECKOUT / "examples/lab/inventory.py", own)
    (own / "config.py").write_text(CONFIG)
    data = {"plane_api_url": f"http://127.0.0.1:{set_up.host.plane_port}", "plane_config_dir": tmp_path / "kept"}
    words = ["inventory.py", "deploy.py", "-y"]
    words += [word for name, value in data.items() for word in ("--data", f"{name}={value}")]
    done = subprocess.run(
        [str(installed), "-m", "pyinfra", *words],
        cwd=own,
        env=environment_with({name: value for name, value in SECRETS.items() if name.startswith("PLANE_")}),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert [line for line in PLAN if line not in done.stderr] == []
    assert (tmp_path / "kept/agent-tokens.env").exists()


def test_what_is_installed_is_typed_and_complete(installed: Path) -> None:
    program = """
import importlib, pathlib, pyinfra_plane
from pyinfra_plane.operations import environment, plane, postgres, redis
root = pathlib.Path(pyinfra_plane.__file__).parent
assert root.joinpath("py.typed").exists()
for path in root.rglob("*.py"):
    if path.parent.name != "templates":
        importlib.import_module(".".join(path.relative_to(root.parent).with_suffix("").parts))
assert environment.render.__module__ and root.joinpath("templates", "bucket.py").exists()
print(root)
"""
    done = subprocess.run([str(installed), "-c", program], capture_output=True, text=True, cwd="/", timeout=60)
    assert done.returncode == 0, done.stderr
    assert str(installed.parent.parent) in done.stdout
