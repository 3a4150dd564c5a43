"""The magics: ``%qwen`` for what is done with a document, ``%%qwen`` for a question about it.

They hold one workbench, one reading and one conversation, and return the objects of the Python API.

Not covered: how a line is read (line), what these objects do (workbench.session), how they look (workbench.views).
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path
from typing import Any

import traitlets
from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_cell_magic, magics_class, no_var_expand
from IPython.utils.process import arg_split

from workbench import views
from workbench.analysis.ask import AnswerStream
from workbench.analysis.chat import Chat
from workbench.analysis.columns import from_toml
from workbench.analysis.extract import Rows
from workbench.analysis.summarize import SummaryStream
from workbench.documents.imaging import PageImage
from workbench.documents.load import load
from workbench.errors import ConfigError
from workbench.magics.line import Helped, cell_parser, extract_parser, line_parser, parsed
from workbench.results import Answer, Comparison, Table
from workbench.session import Reading, Workbench

_NAME = re.compile(r"(?<!\{)\{([^\W\d]\w*)\}(?!\})")


@magics_class
class QwenMagics(Magics):  # type: ignore[misc]  # IPython ships no types
    """``%qwen`` and ``%%qwen``; ``%config QwenMagics.max_tokens = 400`` sets what a question does not."""

    max_tokens = traitlets.Int(1_024, min=1, help="Tokens of an answer, at most.").tag(config=True)

    def __init__(self, shell: Any) -> None:
        super().__init__(shell)
        self._bench: Workbench | None = None
        self._reading: Reading | None = None
        self._chat: Chat | None = None
        self._answer: Answer | None = None
        self._lent: tuple[object, ...] = ()  # what a variable of the user's holds: his to close

    @no_var_expand  # type: ignore[untyped-decorator]
    @line_cell_magic  # type: ignore[untyped-decorator]
    def qwen(self, line: str, cell: str | None = None) -> object:
        """Read a document, and ask it; ``%qwen --help`` and ``%%qwen --help`` say how."""
        try:
            if cell is None:
                return self._run(parsed(line_parser(), self._tokens(line) or ["--help"]))
            tokens = self._tokens(line)
            if tokens[:1] == ["extract"]:
                return self._table(parsed(extract_parser(), tokens[1:]), cell)
            return self._question(parsed(cell_parser(), tokens), cell)
        except Helped:
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
            case "open":
                return self._open(options.name, options.model)
            case "readings":
                return self._bench_of(None).readings()
            case "summarize":
                stream = self._current().stream_summary(options.words, options.style)
                return self._given(self._watched(stream, ""), options.out)
            case "compare":
                return self._compared(options.paths, options.ask, options.out)
            case "matrix":
                return self._matrix(options.paths, options.questions, options.out)
            case "show":
                return self._page(options.number)
            case "use":
                return self._use_named(options.model)
            case "close":
                self._close()
            case "status":
                sys.stdout.write(self._status() + "\n")
        return None

    def _read(self, path: str, model: str | None) -> Reading:
        document = load(path)
        bench = self._bench_of(model)
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

    def _open(self, name: str, model: str | None) -> Reading:
        """A reading from the store; the one before is closed once this one is there."""
        reading = self._bench_of(model).open(name)
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

    def _bench_of(self, model: str | None) -> Workbench:
        """The workbench of a model; of the one in use when none is named."""
        return self._use(model) if model or self._bench is None else self._bench

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
        self._chat = self._reading = self._answer = None

    def _current(self) -> Reading:
        if self._reading is None or self._reading.closed:
            raise ConfigError("There is no document to ask yet: type %qwen read PATH, then ask again.")
        return self._reading

    def _table(self, options: argparse.Namespace, cell: str) -> Table:
        """A table under the schema in the cell: columns by commas or lines."""
        columns = ", ".join(line.strip().rstrip(",") for line in cell.splitlines() if line.strip())
        rows: Rows = "one" if options.one else "many"
        table = self._current().extract(columns, rows=rows, max_rows=options.max_rows, system=options.system)
        if options.out is not None:
            self.shell.push({options.out: table})
        return table

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

    def _compared(self, paths: list[str], question: str | None, out: str | None) -> Comparison:
        """The document, or the first of two paths, compared with another."""
        if len(paths) > 2:
            raise UsageError("%qwen compare takes one path, or two.")
        others = [load(path) for path in paths]
        first = self._current() if len(others) == 1 else others[0]
        found = self._bench_of(None).compare(first, others[-1], question, max_tokens=self.max_tokens)
        if out is not None:
            self.shell.push({out: found})
        return found

    def _matrix(self, paths: list[str], questions: str, out: str | None) -> Table:
        """Documents asked the questions that a variable or a file holds."""
        held = self.shell.user_ns.get(questions)
        asked = from_toml(Path(questions)) if held is None else held
        table = self._bench_of(None).matrix(paths, asked)
        if out is not None:
            self.shell.push({out: table})
        return table

    def _page(self, number: int) -> PageImage:
        """The page of a citation of the last answer."""
        reading, answer = self._current(), self._answer
        if answer is None or not 1 <= number <= len(answer.citations):
            there = f"the last answer has {len(answer.citations)}" if answer else "nothing was asked yet"
            raise ConfigError(f"There is no citation {number}: {there}. Ask with %%qwen, then type %qwen show 1.")
        return reading.document.page_image(answer.citations[number - 1])

    def _given(self, answer: Answer, out: str | None) -> Answer:
        self._answer = answer
        if out is not None:
            self.shell.push({out: answer})
        return answer

    def _watched(self, stream: AnswerStream | SummaryStream, question: str) -> Answer:
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
