"""What may be typed behind ``%qwen`` and ``%%qwen``.

Not covered: what is done then (qwen).
"""

from __future__ import annotations

import argparse
from typing import NoReturn

from IPython.core.error import UsageError


class Helped(Exception):
    """There is nothing more to do."""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong as IPython does, and never ends the process."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}\n{self.format_usage().strip()}")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        raise Helped(message or status)


def line_parser() -> _Parser:
    """What ``%qwen`` takes."""
    parser = _Parser(
        prog="%qwen",
        description="Read a document with a local model; then ask it in cells that begin with %%qwen.",
        epilog="%%qwen --help shows the options of a question.",
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    read = commands.add_parser("read", help="read a document whole; closes the one before")
    read.add_argument("path", metavar="PATH", help="a file, or a folder of source code")
    read.add_argument("--model", metavar="M", help="a registry name, a hub id or a folder")
    opened = commands.add_parser("open", help="open a reading that is kept on disk, without its file")
    opened.add_argument("name", metavar="NAME", help="of the document, its hash, or the reading's key")
    opened.add_argument("--model", metavar="M", help="as for read")
    commands.add_parser("readings", help="list what is kept on disk")
    summarize = commands.add_parser("summarize", help="summarise the document")
    summarize.add_argument("--words", type=int, default=150, metavar="N", help="this many, within 15 %% (150)")
    summarize.add_argument("--style", default="brief", metavar="S", help="brief, executive, chronological, by-section")
    summarize.add_argument("--out", metavar="NAME", help="a variable for the answer")
    compare = commands.add_parser("compare", help="compare the document with another, or two others with each other")
    compare.add_argument("paths", metavar="PATH", nargs="+", help="the other document; or both")
    compare.add_argument("--ask", metavar="QUESTION", help="also ask both")
    compare.add_argument("--out", metavar="NAME", help="a variable for the comparison")
    matrix = commands.add_parser("matrix", help="ask several documents the same questions, one row each")
    matrix.add_argument("paths", metavar="PATH", nargs="+", help="the documents")
    matrix.add_argument(
        "--questions", metavar="NAME", required=True, help="a variable that holds them, by column name; or a .toml file"
    )
    matrix.add_argument("--out", metavar="NAME", help="a variable for the table")
    show = commands.add_parser("show", help="show the page of a citation of the last answer, the passage marked")
    show.add_argument("number", nargs="?", type=int, default=1, metavar="N", help="which of its citations (1)")
    commands.add_parser("status", help="show the model, the document and the conversation")
    use = commands.add_parser("use", help="choose the model; closes what was read with another")
    use.add_argument(
        "model", metavar="MODEL",
        help="a registry name, a hub id or a folder; or a variable that holds a Workbench or a Reading",
    )  # fmt: skip
    commands.add_parser("close", help="give back the document's memory and the model's")
    return parser


def cell_parser() -> _Parser:
    """What ``%%qwen`` takes."""
    parser = _Parser(
        prog="%%qwen",
        description="Ask the document. {name} in the cell stands for a variable of yours; other braces stay.",
        epilog="%qwen --help shows how to read a document first.",
        allow_abbrev=False,
    )
    parser.add_argument("--chat", action="store_true", help="go on with the conversation")
    parser.add_argument("--raw", action="store_true", help="leave {name} as it is, too")
    parser.add_argument("--out", metavar="NAME", help="a variable for the answer")
    parser.add_argument("-s", "--system", metavar="TEXT", help="a further instruction")
    parser.add_argument("-f", "--format", choices=("markdown", "text"), help="show the answer in this form only")
    parser.add_argument("--max-tokens", type=int, metavar="N", help="of the answer, at most")
    return parser


def extract_parser() -> _Parser:
    """What ``%%qwen extract`` takes."""
    parser = _Parser(
        prog="%%qwen extract",
        description="Make a table from the document; the cell has its columns: person, born date, amount number.",
        allow_abbrev=False,
    )
    parser.add_argument("--out", metavar="NAME", help="a variable for the table")
    parser.add_argument("--one", action="store_true", help="one row, not one of each thing found")
    parser.add_argument("--max-rows", type=int, metavar="N", help="at most so many rows")
    parser.add_argument("-s", "--system", metavar="TEXT", help="a further instruction")
    return parser


def parsed(parser: _Parser, tokens: list[str]) -> argparse.Namespace:
    """The options that were typed.

    Raises:
        UsageError: they are mistyped.
        Helped: help was asked for, and given.
    """
    options = parser.parse_args(tokens)
    out = getattr(options, "out", None)
    if out is not None and not out.isidentifier():
        parser.error(f"--out {out} is not a name for a variable")
    return options
