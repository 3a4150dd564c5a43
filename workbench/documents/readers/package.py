"""The parts of an Office file (Open XML or OpenDocument) and how they are related, read without trust.

Elements are told by their local names: the variants of a format (strict, transitional) differ in nothing else that we
read.

Not covered: what the parts mean (readers.docx, readers.pptx, readers.xlsx, readers.odf).
"""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Iterator
from typing import TypeAlias

from lxml import etree

from workbench.documents.unpacking import DAMAGE, open_office
from workbench.errors import DocumentError

Element: TypeAlias = "etree._Element"


class Package:
    """The parts of a file.

    Args:
        data: its bytes.
        name: for messages.

    Raises:
        DocumentError: it is damaged or unsafe.
    """

    def __init__(self, data: bytes, name: str) -> None:
        self.name = name
        self._archive: zipfile.ZipFile = open_office(data, name)
        self.parts = {entry.filename.lower(): entry.filename for entry in self._archive.infolist()}

    def main(self) -> str:
        """The path of the part that all others hang on.

        Raises:
            DocumentError: there is none.
        """
        found = self.related("", "officeDocument")
        if not found:
            raise DocumentError(f"{self.name} is damaged: it does not say where its text is. Save it anew.")
        return found[0]

    def xml(self, path: str) -> Element | None:
        """A part's root element; None when it is not there.

        Raises:
            DocumentError: it is damaged.
        """
        stored = self.parts.get(path.lower())
        if stored is None:
            return None
        try:
            # Nothing is fetched and no entity expanded; Office declares none.
            parser = etree.XMLParser(resolve_entities=False, no_network=True)
            return etree.fromstring(self._archive.read(stored), parser)
        except (*DAMAGE, etree.LxmlError) as error:
            raise DocumentError(f"{self.name} is damaged: its part {path!r} cannot be read ({error}).") from error

    def related(self, path: str, kind: str) -> list[str]:
        """Paths of the parts that a part relates to as ``kind``; those that are missing are not among them."""
        return [target for found, target in self.relations(path).values() if found == kind]

    def relations(self, path: str) -> dict[str, tuple[str, str]]:
        """Kind and path of each related part that is in the file, by the relation's id."""
        folder, _, file = path.rpartition("/")
        root = self.xml(posixpath.join(folder, "_rels", f"{file}.rels"))
        found = {}
        for relation in root if root is not None else ():
            target = relation.get("Target", "")
            joined = target.lstrip("/") if target.startswith("/") else posixpath.join(folder, target)
            stored = self.parts.get(posixpath.normpath(joined).lower())
            if stored is not None and relation.get("TargetMode") != "External":
                found[relation.get("Id", "")] = relation.get("Type", "").rpartition("/")[2], stored
        return found


def local(element: Element) -> str:
    """An element's name without its namespace; empty for comments and instructions."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def attribute(element: Element | None, name: str) -> str | None:
    """The value of an attribute by its local name."""
    if element is None:
        return None
    return next((str(value) for key, value in element.attrib.items() if str(key).rpartition("}")[2] == name), None)


def child(element: Element | None, *names: str) -> Element | None:
    """The first child of a name, and so on downwards."""
    for name in names:
        if element is None:
            return None
        element = next((one for one in element if local(one) == name), None)
    return element


def below(element: Element, *names: str) -> Iterator[Element]:
    """All descendants of these names, in order."""
    return (one for one in element.iter() if local(one) in names)


def whole(value: str | None, default: int = 0) -> int:
    """A number that a file gives as text."""
    try:
        return int(value or default)
    except ValueError:
        return default
