"""How the wheel is built: its version, and the modules at the top of the repository.

Hatch maps folders by `sources`, but not single files. `force-include` in pyproject.toml would also
leave copies of them in site-packages when the checkout is installed as editable.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parent

STATED = "earmark/version.py"


def stated(root: Path = ROOT) -> str:
    """Return the version that is worked on, as the module says."""
    text = (root / STATED).read_text(encoding="utf-8")
    (found,) = re.findall(r'^__version__ = "(.+)"$', text, re.MULTILINE)
    return str(found)


def version(root: Path = ROOT) -> str:
    """Return the version of what is built.

    A commit with a tag such as ``v0.2.0`` is that version; after the tag of an earlier one commits
    are counted; where there is no tag or no repository, as in a source distribution, it is the
    version that is stated.

    Raises
    ------
    ValueError
        The tag is of another version than the one that is worked on.
    """
    own = stated(root)
    if not (root / ".git").exists():
        return own
    try:
        described = subprocess.run(
            ["git", "describe", "--tags", "--long", "--match", "v[0-9]*"],  # noqa: S607
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return own
    tag, distance, _ = described.removeprefix("v").rsplit("-", 2)
    if distance != "0":
        return own.replace(".dev0", f".dev{distance}")
    if tag != own.partition(".dev")[0]:
        raise ValueError(f"the tag v{tag} is of another version than {STATED}: {own}")
    return tag


class Frozen(BuildHookInterface[Any]):
    """Writes the version into what is built, and adds `pipeline.py` and `app.py` to the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Say what is added before it is built; `version` is "standard" or "editable"."""
        if version != "standard":
            return
        self.folder = tempfile.TemporaryDirectory()
        frozen = Path(self.folder.name, "version.py")
        text = (ROOT / STATED).read_text(encoding="utf-8")
        frozen.write_text(text.replace(stated(), self.metadata.version), encoding="utf-8")
        build_data["force_include"][str(frozen)] = STATED
        if self.target_name == "wheel":
            for name in ("pipeline.py", "app.py"):
                build_data["force_include"][name] = f"earmark/{name}"

    def finalize(
        self,
        version: str,
        build_data: dict[str, Any],  # noqa: ARG002
        artifact_path: str,  # noqa: ARG002
    ) -> None:
        """Clear away what was written, as Hatch calls it after the build."""
        if version == "standard":
            self.folder.cleanup()
