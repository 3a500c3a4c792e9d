"""Put the modules at the top of the repository into the package `earmark` of the wheel.

Hatch maps folders by `sources`, but not single files. `force-include` in pyproject.toml would also
leave copies of them in site-packages when the checkout is installed as editable.
"""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ModulesAtTheTop(BuildHookInterface[Any]):
    """Adds `pipeline.py` and `app.py`."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Say what is added before the wheel is built; `version` is "standard" or "editable"."""
        if version == "standard":
            for name in ("pipeline.py", "app.py"):
                build_data["force_include"][name] = f"earmark/{name}"
