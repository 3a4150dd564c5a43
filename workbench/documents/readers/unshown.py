"""What an HTML page holds beside what it shows as its text: menus, and elements that its styles hide.

Not covered: style sheets, which may hide anything; scripts, which are never run.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from lxml import html as lxml_html

from workbench.documents.document import DocumentWarning
from workbench.documents.parsed import KeepOrDrop
from workbench.types import Span

_MAIN, _MENUS = "//main | //*[@role='main']", "//nav | //*[@role='navigation']"
_STYLED = "//*[@style or @hidden]"
_GONE = re.compile(r"display\s*:\s*none", re.IGNORECASE)
_UNSEEN = re.compile(
    r"visibility\s*:\s*hidden|(?<![\w-])opacity\s*:\s*0(?:\.0+)?(?![\d.])|font-size\s*:\s*0(?:\.0+)?(?![\d.])",
    re.IGNORECASE,
)
_WHITE = re.compile(
    r"(?<![\w-])color\s*:\s*(?:white\b|#fff(?:fff)?\b|rgba?\(\s*255\s*,\s*255\s*,\s*255)", re.IGNORECASE
)
_GROUND = re.compile(r"background", re.IGNORECASE)
_EXCERPT_CHARS = 80
_PLACED_WORDS = 12
"""Of a hidden text by which it is found again in what was read."""


@dataclass(slots=True)
class Unshown:
    """Takes such elements out of a page, or notes them.

    Attributes:
        hidden: whether text that nobody sees stays in.
        menus: text of those that were left out.
        unseen: texts that are read and that nobody sees.
        gone: texts that are not even laid out, and never read.
    """

    hidden: KeepOrDrop
    menus: list[str] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)

    def take(self, tree: lxml_html.HtmlElement) -> None:
        """Look through a page."""
        self._take_menus(tree)
        self._take_hidden(tree)

    def _take_menus(self, tree: lxml_html.HtmlElement) -> None:
        """Take out the navigation beside the main text of a page that says which is which."""
        mains = [main for main in tree.xpath(_MAIN) if main.text_content().strip()]
        kept = {element for main in mains for element in (*main.iter(), *main.iterancestors())}
        taken: set[lxml_html.HtmlElement] = set()
        for menu in tree.xpath(_MENUS) if mains else ():
            if menu not in kept and menu not in taken:
                taken.update(menu.iter())
                self.menus.append(_words(menu))
                menu.drop_tree()

    def _take_hidden(self, tree: lxml_html.HtmlElement) -> None:
        taken: set[lxml_html.HtmlElement] = set()
        for element in tree.xpath(_STYLED):
            style = element.get("style", "")
            is_gone = bool(_GONE.search(style))
            if element in taken or element is tree or not (is_gone or _is_unseen(element, style)):
                continue
            taken.update(element.iter())
            if text := _words(element):
                (self.gone if is_gone else self.unseen).append(text)
            if is_gone or self.hidden == "drop":
                element.drop_tree()

    def warnings(self, text: str) -> tuple[DocumentWarning, ...]:
        """What was found, about the text that was read."""
        found = []
        if words := " ".join(self.menus).split():
            message = f"{len(words):,} words of menus beside the main text were left out: “{_excerpt(words)}”."
            found.append(DocumentWarning("skipped", message))
        if words := " ".join(self.gone).split():
            message = f"{len(words):,} words that the page does not show were left out: “{_excerpt(words)}”."
            found.append(DocumentWarning("hidden", message))
        if words := " ".join(self.unseen).split():
            fate = "They stay in; load(..., hidden='drop') takes them out."
            spans = _places(self.unseen, text) if self.hidden == "keep" else ()
            fate = fate if self.hidden == "keep" else "They were left out."
            message = f"{len(words):,} words cannot be seen by a reader of the page: “{_excerpt(words)}”. {fate}"
            found.append(DocumentWarning("hidden", message, (), spans))
        return tuple(found)


def _is_unseen(element: lxml_html.HtmlElement, style: str) -> bool:
    """Whether an element's own style keeps it from being seen; white on no ground of its own is white on white."""
    if element.get("hidden") is not None or _UNSEEN.search(style):
        return True
    if not _WHITE.search(style):
        return False
    around = (element, *element.iterancestors())
    return not any(_GROUND.search(one.get("style", "")) or one.get("bgcolor") or one.get("class") for one in around)


def _words(element: lxml_html.HtmlElement) -> str:
    return " ".join(" ".join(element.itertext()).split())


def _excerpt(words: list[str]) -> str:
    return " ".join(words)[:_EXCERPT_CHARS]


def _places(texts: list[str], text: str) -> tuple[Span, ...]:
    """Where the beginnings of texts stand, in order."""
    found, at = [], 0
    for hidden in texts:
        pattern = r"\s+".join(map(re.escape, hidden.split()[:_PLACED_WORDS]))
        if match := re.compile(pattern).search(text, at):
            found.append(Span(*match.span()))
            at = match.end()
    return tuple(found)
