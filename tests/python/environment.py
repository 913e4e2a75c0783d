"""Makes a virtual environment with the packages of a requirements file.

    python3 environment.py DIRECTORY REQUIREMENTS

Debian splits `ensurepip` from Python: where it is missing, its package is installed first.
"""

import os
import pathlib
import subprocess
import sys


def main(directory: pathlib.Path, requirements: pathlib.Path) -> None:
    try:
        import ensurepip  # noqa: F401
    except ImportError:
        install_ensurepip()
    # In a process of its own: this one has already noticed that there was no ensurepip.
    subprocess.run([sys.executable, "-m", "venv", "--clear", directory], check=True)
    pip = [directory / "bin" / "python", "-m", "pip"]
    quiet = ["install", "--quiet", "--disable-pip-version-check", "--requirement"]
    subprocess.run([*pip, *quiet, requirements], check=True)


def install_ensurepip() -> None:
    """Installs Debian's package; asks sudo for the right to where it must."""
    apt = ["apt-get"] if os.geteuid() == 0 else ["sudo", "apt-get"]
    subprocess.run([*apt, "update", "--quiet"], check=True)
    subprocess.run([*apt, "install", "--yes", "--quiet", "python3-venv"], check=True)


if __name__ == "__main__":
    main(*map(pathlib.Path, sys.argv[1:]))
