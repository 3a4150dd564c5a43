"""An answer in doubt whose passages, read alone, do not say what was asked is withdrawn."""

import threading

import pytest

import workbench as wb
from tests.session.replay import memory
from workbench.analysis import prompts
from workbench.analysis.absent import Absent
from workbench.analysis.manifest import changes

QUESTION = "When did Justice Kagan join the Court?"
SAID = "Justice Kagan delivered the opinion of the Court."
IN_DOUBT, SAYS_NOT, SAYS_SO = (0.1, 0.0, 0.0, 0.7, 0.3), (0.5, 0.0, 0.0, 0.1, 0.9), (0.01, 0.0, 0.0, 0.9, 0.1)


@pytest.fixture
def weighed(said: list[str], monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, ...]]:
    """What is weighed, in its order: a random model has no opinion. Its free answers are ``SAID``, and a ``~``."""
    told, probabilities = Absent._told, list[tuple[float, ...]]()
    said.extend([SAID] * 8)
    monkeypatch.setattr(Absent, "_told", lambda absent, _: told(absent, probabilities.pop(0)))
    return probabilities


def fed(bytes_reading: wb.Reading, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Texts that the engine reads from here on."""
    engine, read, tokenizer = bytes_reading._engine, bytes_reading._engine.read, bytes_reading._context.tokenizer
    texts = list[str]()

    def watched(token_ids: tuple[int, ...], *args: object, **options: object) -> object:
        texts.append(tokenizer.decode(token_ids))
        return read(token_ids, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(engine, "read", watched)
    return texts


def test_an_answer_that_its_passages_alone_do_not_bear_out_is_withdrawn(
    bytes_reading: wb.Reading, weighed: list[tuple[float, ...]], monkeypatch: pytest.MonkeyPatch
):
    blocks, texts = memory(bytes_reading.bench), fed(bytes_reading, monkeypatch)
    used = blocks.pool.num_used
    weighed += [IN_DOUBT, SAYS_NOT]
    *deltas, answer = bytes_reading.stream(QUESTION)
    assert isinstance(answer, wb.Answer)
    assert "".join(delta.text for delta in deltas if isinstance(delta, wb.Delta)) == answer.withdrawn == SAID
    assert (answer.text, answer.citations, answer.unsupported) == (prompts.ABSENT, (), ())
    assert (answer.manifest["withdrawn"], answer.manifest["looked"]) == (SAID, True)
    assert answer.usage.look_s > 0
    assert answer.absent_probability is not None
    assert answer.absent_probability > 0.5
    assert bytes_reading._context.tokenizer.decode(answer.token_ids) == f"{SAID}~"
    assert f"Withdrawn: “{SAID}”" in answer.warnings[-1]
    assert "page 1" in answer.warnings[-1]
    (alone,) = texts
    assert len(alone) < len(bytes_reading.document.text)
    assert alone.endswith(prompts.CLOSE + prompts.ASK)
    passage = alone.split(prompts.OPEN)[1].split(prompts.CLOSE)[0]
    assert all(part in bytes_reading.document.text for part in passage.split("\n\n"))
    assert blocks.pool.num_used == used
    assert bytes_reading.evidence(answer)["text"].unique().to_list() == [SAID]


def test_an_answer_that_its_passages_alone_bear_out_stays(bytes_reading: wb.Reading, weighed: list[tuple[float, ...]]):
    weighed += [IN_DOUBT, SAYS_SO]
    answer = bytes_reading.ask(QUESTION)
    assert (answer.text, answer.withdrawn) == (SAID, "")
    assert answer.citations
    assert not any("Withdrawn" in warning for warning in answer.warnings)
    assert answer.absent_probability is not None
    assert answer.absent_probability < 0.1


def test_what_is_asked_with_others_is_withdrawn_too(bytes_reading: wb.Reading, weighed: list[tuple[float, ...]]):
    weighed += [IN_DOUBT, SAYS_NOT]
    (answer,) = bytes_reading.ask_many([QUESTION])
    assert (answer.text, answer.withdrawn) == (prompts.ABSENT, SAID)


def test_nothing_is_looked_at_where_it_could_change_nothing(
    bytes_reading: wb.Reading, weighed: list[tuple[float, ...]], monkeypatch: pytest.MonkeyPatch
):
    texts = fed(bytes_reading, monkeypatch)
    weighed += [IN_DOUBT] * 3
    assert bytes_reading.ask(QUESTION, quotes=False).text == SAID
    assert bytes_reading.ask(QUESTION, absent_threshold=None).text == SAID
    with bytes_reading.chat() as chat:
        assert chat.ask(QUESTION).text == SAID
    for sure in ((0.001, 0.0, 0.0, 0.9, 0.1), (0.1, 0.9, 0.0, 0.2, 0.8), (0.1, 0.0, 0.0, 0.1, 0.1)):
        weighed.append(sure)
        assert bytes_reading.ask(QUESTION).text == SAID
    assert not texts


@pytest.mark.parametrize("error", [wb.CacheFull("There is no room."), RuntimeError("CUDA out of memory.")], ids=repr)
def test_where_memory_has_no_room_for_the_passages_the_answer_stays_and_a_replay_says_why(
    error: Exception, bytes_reading: wb.Reading, weighed: list[tuple[float, ...]]
):
    def full(*_: object, **__: object) -> object:
        raise error

    weighed += [IN_DOUBT, IN_DOUBT, SAYS_NOT]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bytes_reading._engine, "read", full)
        answer = bytes_reading.ask(QUESTION)
    assert (answer.text, answer.withdrawn, answer.manifest["looked"]) == (SAID, "", False)
    again = wb.replay(answer, bytes_reading.document, bench=bytes_reading.bench, progress=None)
    assert (again.identical, again.difference) == (False, None)
    (reason,) = again.changed
    assert reason.startswith("Its passages were read alone now")
    older = {name: entry for name, entry in answer.manifest.items() if name != "looked"}
    assert changes(older, again.answer.manifest) == ()
    assert changes(again.answer.manifest, answer.manifest)[0].startswith("Its passages were read alone then")


def test_an_interrupt_of_a_look_keeps_the_answer_and_leaves_nothing_behind(
    bytes_reading: wb.Reading, weighed: list[tuple[float, ...]], monkeypatch: pytest.MonkeyPatch
):
    used, read = memory(bytes_reading.bench).pool.num_used, bytes_reading._engine.read

    class Interrupted:
        """Ctrl-C while the engine makes its last event."""

        def __init__(self, *args: object) -> None:
            self.events, self.first = read(*args), True  # type: ignore[arg-type]

        def __iter__(self) -> "Interrupted":
            return self

        def __next__(self) -> object:
            if self.first:
                self.first = False
                raise KeyboardInterrupt
            return next(self.events)

    weighed.append(IN_DOUBT)
    # The engine does not hear of it in time, and hands over a prefix.
    monkeypatch.setattr(bytes_reading._engine, "read", lambda token_ids, _: Interrupted(token_ids, threading.Event()))
    answer = bytes_reading.ask(QUESTION)
    assert (answer.text, answer.withdrawn, answer.manifest["looked"]) == (SAID, "", False)
    assert memory(bytes_reading.bench).pool.num_used == used


def test_an_answer_that_it_is_not_there_is_not_withdrawn(
    bytes_reading: wb.Reading, weighed: list[tuple[float, ...]], said: list[str], monkeypatch: pytest.MonkeyPatch
):
    texts = fed(bytes_reading, monkeypatch)
    denial = "The document does not say when. It says: “JUSTICE KAGAN delivered the opinion of the Court.”"
    said.insert(0, denial)
    weighed.append(IN_DOUBT)
    answer = bytes_reading.ask(QUESTION)
    assert (answer.text, answer.withdrawn, texts) == (denial, "", [])
    assert answer.citations
