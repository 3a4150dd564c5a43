"""Rows of typed values that lead back to the page.

Not covered: how they are filled (analysis.extract, analysis.matrix), how they are written to files (workbench.exports).
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import polars as pl

from workbench import exports
from workbench.display import Displayed
from workbench.errors import ConfigError, nearest
from workbench.results.citation import Citation


def _citation(cell: dict[str, Any]) -> Citation:
    """Of a line of ``tables.CELLS`` that has a source."""
    return Citation(
        quote=cell["quote"], page=cell["page"], label=cell["label"] or "", start_char=cell["start_char"],
        end_char=cell["end_char"], status=cell["status"], passage=cell["quote"], where=cell["where"] or "",
    )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Table(Displayed):
    """Rows of typed values, and for each value where the document says so.

    A value that cannot be read as its column's type, or that the document does not have, is null in ``frame``;
    ``cells`` has what there was of it, and why.

    Attributes:
        frame: the rows, in the types of the schema.
        cells: what each value rests on, see ``tables.CELLS``; a list has a line for each of its items.
        document_name: what it was made from.
        manifest: model fingerprint, document hash, schema, sampling, versions.
        warnings: what to know about it, a sentence each.
    """

    frame: pl.DataFrame
    cells: pl.DataFrame = field(repr=False)
    document_name: str = ""
    manifest: Mapping[str, object] = field(repr=False, default_factory=dict)
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return self.frame.height

    def citation(self, row: int, column: str) -> Citation:
        """What a value rests on, of a list its first item: ``document.page_image(table.citation(0, "born"))``.

        Args:
            row: of ``frame``, from 0.
            column: of ``frame``.

        Raises:
            ConfigError: there is no such row or column, or it has no source.
        """
        if column not in self.frame.columns:
            valid = ", ".join(map(repr, self.frame.columns))
            raise ConfigError(
                f"The table has no column {column!r}; it has {valid}.{nearest(column, self.frame.columns)}"
            )
        if not 0 <= row < self.frame.height:
            raise ConfigError(f"The table has no row {row}; its rows are 0 to {self.frame.height - 1}.")
        found = self.cells.filter((pl.col("row") == row) & (pl.col("column") == column) & pl.col("page").is_not_null())
        if found.is_empty():
            raise ConfigError(f"{column!r} of row {row} has no source; table.cells says why.")
        return _citation(found.row(0, named=True))

    @property
    def citations(self) -> tuple[Citation, ...]:
        """What each value rests on that has a source, row by row."""
        sourced = self.cells.filter(pl.col("page").is_not_null())
        return tuple(_citation(cell) for cell in sourced.iter_rows(named=True))

    def to_excel(self, path: str | os.PathLike[str]) -> Path:
        """Write a workbook: types are kept, each value's source is in its comment and on a second sheet.

        Text stays text: what looks like a formula or an address does nothing.

        Raises:
            ConfigError: the path cannot be written, or a sheet does not hold the rows.
        """
        return exports.write_excel(self.frame, self.cells, self._about(), Path(path))

    def to_parquet(self, path: str | os.PathLike[str]) -> Path:
        """Write a Parquet file: the columns of ``frame``, and ``sources``, a list of the row's ``cells``.

        Raises:
            ConfigError: the path cannot be written, or the table has a column ``sources``.
        """
        return exports.write_parquet(self.frame, self.cells, self._about(), Path(path))

    def to_html(self, path: str | os.PathLike[str]) -> Path:
        """Write a page that stands alone, with every row; each value unfolds to its source.

        Raises:
            ConfigError: the path cannot be written.
        """
        whole = WholeTable(**{each.name: getattr(self, each.name) for each in fields(self)})
        body = str(whole._repr_mimebundle_()["text/html"])
        return exports.write_html(body, self.document_name or "Table", Path(path))

    def _about(self) -> dict[str, object]:
        return {"document": self.document_name, "warnings": list(self.warnings), **self.manifest}


class WholeTable(Table):
    """A table that shows every row."""

    __slots__ = ()
