"""Earmark for beets: Spotify-style values, genre, mood and words of listeners as flexible fields.

See ``docs/beets.md``. beets finds this module by its name; everything else is in the package.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, get_args

from beets.dbcore import types
from beets.plugins import BeetsPlugin
from beets.ui import Subcommand, should_write

# Where older ones of beets 2 have it, too.
from beets.ui import UserError  # type: ignore[attr-defined]  # isort: skip

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["EarmarkPlugin"]

VALUES = (
    *("danceability", "energy", "speechiness", "acousticness", "instrumentalness"),
    *("liveness", "valence", "tempo", "loudness"),
)
"""The numbers of a track that become fields of the same name, with a prefix."""

WORDS = ("genre", "key", "mood", "tags")
"""The fields of text."""

DONE = "earmark_version"
"""The field that says that a track was analysed, and by what."""


class EarmarkPlugin(BeetsPlugin):
    """Analyses tracks on import, and on ``beet earmark``."""

    item_types: ClassVar[dict[str, types.Type[Any, Any]]] = {
        **{f"earmark_{name}": types.NullFloat(3) for name in (*VALUES, "genre_probability")},
        **{f"earmark_{name}": types.STRING for name in (*WORDS, "version")},
    }

    def __init__(self) -> None:
        super().__init__()
        self.config.add(
            {
                "auto": True,
                "write": True,
                "force": False,
                "threads": 1,
                "model": "",
                "min_probability": 0.0,
                "key_notation": "musical",
                "fill": ["bpm", "initial_key"],
            }
        )
        if self.config["auto"]:
            self.import_stages = [self.imported]

    def commands(self) -> list[Subcommand]:
        """Return the command ``beet earmark``."""
        command = Subcommand("earmark", help="describe tracks by how they sound")
        command.parser.add_option(
            "-f", "--force", action="store_true", help="analyse again what was analysed"
        )
        command.parser.add_option(
            "-W", "--nowrite", action="store_true", help="write no tags, whatever is configured"
        )
        command.parser.add_option(
            "-p", "--pretend", action="store_true", help="name the tracks, and do nothing"
        )
        command.parser.add_option("-t", "--threads", type="int", help="processes")
        command.func = self.asked
        return [command]

    def asked(self, library: Any, options: Any, arguments: list[str]) -> None:
        """Do what was asked for on the command line."""
        self.describe(
            library.items(arguments),
            force=bool(options.force) or self.config["force"].get(bool),
            write=not options.nowrite and self.config["write"].get(bool) and should_write(),
            pretend=bool(options.pretend),
            threads=options.threads,
        )

    def imported(self, _session: Any, task: Any) -> None:
        """Describe what was imported; beets writes the tags itself where it is told to."""
        write = self.config["write"].get(bool) and should_write()
        self.describe(task.imported_items(), force=self.config["force"].get(bool), write=write)

    def describe(
        self,
        items: Iterable[Any],
        *,
        force: bool,
        write: bool,
        pretend: bool = False,
        threads: int | None = None,
    ) -> None:
        """Analyse tracks, and store what is known of them.

        Parameters
        ----------
        items : iterable of beets.library.Item
            The tracks.
        force : bool
            Whether those are analysed again that were, and fields of beets' own replaced.
        write : bool
            Whether tags are written.
        pretend : bool
            Whether tracks are only named.
        threads : int, optional
            Processes; by default as configured.
        """
        waiting = {}
        for item in items:
            if force or not item.get(DONE):
                waiting[Path(os.fsdecode(item.path))] = item
        if pretend:
            for path in waiting:
                self._log.info("would analyse {}", path)
            return
        if not waiting:
            self._log.info("nothing to analyse")
            return
        for path, row, version in self._known(list(waiting), threads):
            item = waiting.pop(path)
            self._store(item, row, version, force=force)
            if write:
                item.try_write()
            item.store()
        for path in waiting:
            self._log.warning("{} could not be analysed", path)

    def _known(
        self, paths: list[Path], threads: int | None
    ) -> Iterable[tuple[Path, Mapping[str, Any], str]]:
        """Yield what is known of each file that could be analysed."""
        # Heavy, and not needed for other commands of beets.
        from earmark.classify.library.tagging import known
        from earmark.extract.errors import EarmarkError
        from earmark.version import __version__

        model = self.config["model"].as_filename() if self.config["model"].get() else None
        workers = threads or self.config["threads"].get(int)
        try:
            found = known.of_files(paths, model, level=False, workers=workers)
        except EarmarkError as error:
            raise UserError(f"earmark: {error}") from error
        for path, _, _, message in found.failures:
            self._log.warning("{}: {}", path, message)
        version = f"{__version__} {found.origin.set} {found.origin.model}"
        for row in found.rows.to_dict("records"):
            if (place := found.locations.get(row["path"])) is not None:
                yield Path(place), {str(name): value for name, value in row.items()}, version

    def _store(self, item: Any, row: Mapping[str, Any], version: str, *, force: bool) -> None:
        """Set the fields of a track."""
        from earmark.classify.library.tagging import values
        from earmark.extract.key_names import Notation

        wanted = values.Wanted(
            ("genre", "bpm", "key", "mood", "tags"),
            self.config["min_probability"].get(float),
            self.config["key_notation"].as_choice(get_args(Notation)),
        )
        texts = {name: "; ".join(held) for name, held in values.of_track(row, wanted).items()}
        for name in VALUES:
            number = values.number(row.get(name))
            if number is not None:
                item[f"earmark_{name}"] = number
        chance = values.number(row.get("probability"))
        if chance is not None:
            item["earmark_genre_probability"] = chance
        for name in ("genre", "key", "mood"):
            if name in texts:
                item[f"earmark_{name}"] = texts[name]
        if "earmark_tags" in texts:
            item["earmark_tags"] = texts["earmark_tags"]
        fill = self.config["fill"].as_str_seq()
        if "bpm" in fill and "bpm" in texts and (force or not item.get("bpm")):
            item["bpm"] = int(texts["bpm"])
        if "initial_key" in fill and "key" in texts and (force or not item.get("initial_key")):
            item["initial_key"] = texts["key"]
        item[DONE] = version
