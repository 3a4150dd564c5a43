"""The magics: ``%qwen`` for what is done with a document, ``%%qwen`` for a question about it.

They hold one workbench, one reading and one conversation, and return the objects of the Python API.

Not covered: what these objects do (workbench.session), how they look (workbench.views).
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from typing import Any, NoReturn

import traitlets
from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_cell_magic, magics_class, no_var_expand
from IPython.utils.process import arg_split

from workbench import views
from workbench.analysis.ask import AnswerStream
from workbench.analysis.chat import Chat
from workbench.documents.load import load
from workbench.errors import ConfigError
from workbench.results import Answer
from workbench.session import Reading, Workbench

_NAME = re.compile(r"(?<!\{)\{([^\W\d]\w*)\}(?!\})")


class _Helped(Exception):
    """There is nothing more to do."""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong as IPython does, and never ends the process."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}\n{self.format_usage().strip()}")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        raise _Helped(message or status)


def _line_parser() -> _Parser:
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
    summarize = commands.add_parser("summarize", help="summarise the document")
    summarize.add_argument("--words", type=int, default=150, metavar="N", help="about this many (150)")
    summarize.add_argument("--out", metavar="NAME", help="a variable for the answer")
    commands.add_parser("status", help="show the model, the document and the conversation")
    use = commands.add_parser("use", help="choose the model; closes what was read with another")
    use.add_argument(
        "model", metavar="MODEL",
        help="a registry name, a hub id or a folder; or a variable that holds a Workbench or a Reading",
    )  # fmt: skip
    commands.add_parser("close", help="give back the document's memory and the model's")
    return parser


def _cell_parser() -> _Parser:
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


def _parsed(parser: _Parser, tokens: list[str]) -> argparse.Namespace:
    options = parser.parse_args(tokens)
    out = getattr(options, "out", None)
    if out is not None and not out.isidentifier():
        parser.error(f"--out {out} is not a name for a variable")
    return options


@magics_class
class QwenMagics(Magics):  # type: ignore[misc]  # IPython ships no types
    """``%qwen`` and ``%%qwen``; ``%config QwenMagics.max_tokens = 400`` sets what a question does not."""

    max_tokens = traitlets.Int(1_024, min=1, help="Tokens of an answer, at most.").tag(config=True)

    def __init__(self, shell: Any) -> None:
        super().__init__(shell)
        self._bench: Workbench | None = None
        self._reading: Reading | None = None
        self._chat: Chat | None = None
        self._lent: tuple[object, ...] = ()  # what a variable of the user's holds: his to close

    @no_var_expand  # type: ignore[untyped-decorator]
    @line_cell_magic  # type: ignore[untyped-decorator]
    def qwen(self, line: str, cell: str | None = None) -> object:
        """Read a document, and ask it; ``%qwen --help`` and ``%%qwen --help`` say how."""
        try:
            if cell is None:
                return self._run(_parsed(_line_parser(), self._tokens(line) or ["--help"]))
            return self._question(_parsed(_cell_parser(), self._tokens(line)), cell)
        except _Helped:
            return None

    def _tokens(self, line: str) -> list[str]:
        """The words of a line; a name in braces may hold spaces."""
        try:
            tokens: list[str] = arg_split(line, posix=os.name != "nt")
        except ValueError as error:
            raise UsageError(f"{error} in: {line}") from error
        return tokens if "--raw" in tokens else [self._filled(token) for token in tokens]

    def _filled(self, text: str) -> str:
        """The text with ``{name}`` replaced where the user has such a name; ``{{name}}`` stays."""

        def value(match: re.Match[str]) -> str:
            name = match[1]
            if name not in self.shell.user_ns or name in self.shell.user_ns_hidden:
                return match[0]
            found = self.shell.user_ns[name]
            return found.text if isinstance(found, Answer) else str(found)

        return _NAME.sub(value, text)

    def _run(self, options: argparse.Namespace) -> object:
        match options.command:
            case "read":
                return self._read(options.path, options.model)
            case "summarize":
                stream = self._current().stream_summary(options.words)
                return self._given(self._watched(stream, ""), options.out)
            case "use":
                return self._use_named(options.model)
            case "close":
                self._close()
            case "status":
                sys.stdout.write(self._status() + "\n")
        return None

    def _read(self, path: str, model: str | None) -> Reading:
        document = load(path)
        bench = self._use(model) if model or self._bench is None else self._bench
        old = self._reading
        # What does not fit is refused before the old reading is given up; memory may not hold both.
        if old is not None and old.document.hash != document.hash and bench.fit(document).fits:
            self._close_reading()
            old = None
        reading = bench.read(document)
        if old is not None:
            self._close_reading()
        self._reading = reading
        return reading

    def _use_named(self, name: str) -> Workbench | Reading:
        """A model by name, or what a variable of the user's holds."""
        held = self.shell.user_ns.get(name)
        if not isinstance(held, Workbench | Reading):
            return self._use(name)
        self._close()
        self._reading = held if isinstance(held, Reading) else None
        self._bench = held.bench if isinstance(held, Reading) else held
        self._lent = (held, self._bench)
        return held

    def _use(self, model: str | None) -> Workbench:
        if self._bench is not None and model == self._bench.name:
            return self._bench
        bench = Workbench(model)
        self._close()
        self._bench = bench
        return bench

    def _status(self) -> str:
        if self._bench is None:
            return "No model yet. Type: %qwen read PATH"
        lines = [self._bench.description]
        if self._reading is None or self._reading.closed:
            return "\n".join([*lines, "No document is open. Type: %qwen read PATH"])
        name, tokens = self._reading.document.name, self._reading.num_tokens
        lines.append(f"{views.plain(name)}: read, {tokens:,} of {self._bench.window:,} tokens.")
        turns = len(self._chat.turns) if self._chat else 0
        return "\n".join([*lines, f"Conversation: {turns} answer{'' if turns == 1 else 's'}."])

    def _close(self) -> None:
        self._close_reading()
        if self._bench is not None and self._bench not in self._lent:
            self._bench.close()
        self._bench, self._lent = None, ()

    def _close_reading(self) -> None:
        for held in (self._chat, self._reading):
            if held is not None and held not in self._lent:
                held.close()
        self._chat = self._reading = None

    def _current(self) -> Reading:
        if self._reading is None or self._reading.closed:
            raise ConfigError("There is no document to ask yet: type %qwen read PATH, then ask again.")
        return self._reading

    def _question(self, options: argparse.Namespace, cell: str) -> Answer:
        reading = self._current()
        question = (cell if options.raw else self._filled(cell)).strip()
        if not question:
            raise UsageError("The cell holds no question; write it below %%qwen.")
        asked: Reading | Chat = reading
        if options.chat:
            self._chat = asked = self._chat or reading.chat()
        max_tokens = self.max_tokens if options.max_tokens is None else options.max_tokens
        stream = asked.stream(question, max_tokens=max_tokens, system=options.system)
        answer = self._watched(stream, question)
        return self._given(views.answer_as(answer, options.format) if options.format else answer, options.out)

    def _given(self, answer: Answer, out: str | None) -> Answer:
        if out is not None:
            self.shell.push({out: answer})
        return answer

    def _watched(self, stream: AnswerStream, question: str) -> Answer:
        """Show the answer while it is written; an interrupt ends it and keeps what there is."""
        view, answer, text = views.streaming_view(question), None, ""
        try:
            try:
                for item in stream:
                    if isinstance(item, Answer):
                        answer = item
                    else:
                        text += item.text
                        view.update(text)
            except KeyboardInterrupt:
                stream.cancel()
            answer = answer or stream.result()
        finally:
            view.close(answer)
            stream.close()
        return answer


def load_ipython_extension(shell: Any) -> None:
    """Make ``%qwen`` and ``%%qwen`` known to a shell."""
    shell.register_magics(QwenMagics)
