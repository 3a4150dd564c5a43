"""Quotes that cannot be invented: whatever is chosen among what is allowed, the document has it."""

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.analysis import passages as passages_module
from workbench.analysis.passages import MIN_CHARS, passages, spell
from workbench.analysis.quoting import MAX_CHARS, SLACK_CHARS, Quote, QuoteGuard
from workbench.analysis.vocabulary import Vocabulary, _spelled, build
from workbench.documents.quotes import find
from workbench.types import Span

END, MARK = 0, 1
SCRIPTS = (
    "The plaintiff’s claim—“not guilty”, he said—was dismissed on 3.50 of 1,000 counts. It wasn't so. ",
    "Решение суда было отменено; истец не согласился с этим. ",
    "原告的请求被驳回。法院认为,被告没有责任。2019年3月发布。",
    "सरकार ने कहा कि यह नियम लागू नहीं होगा। ",
    "وقال المتحدث إن القرار لم يصدر بعد، ولن يصدر قريبا. ",
    "ไม่มีหลักฐานว่าเขาอยู่ที่นั่นในวันนั้น ",
    "Ｆｕｌｌ ｗｉｄｔｈ and ﬁne ligatures, ½ a cafe\u0301, a soft\u00adhyphen and 👩‍👩‍👧 emoji\n\n\ttabs ",
)
texts = st.lists(st.one_of(st.sampled_from(SCRIPTS), st.text(max_size=30)), min_size=1, max_size=6).map("".join)


class Words:
    """A tokenizer of the bytes and of pieces of a text."""

    def __init__(self, text: str, seed: int = 0) -> None:
        pick, raw = random.Random(seed), text.encode("utf-8", "surrogatepass")
        places = [pick.randrange(len(raw)) for _ in range(80)] if raw else []
        pieces = [raw[at : at + pick.randrange(1, 9)] for at in places]
        self.token_bytes = [b"", b'"', *(bytes([byte]) for byte in range(256)), *pieces]

    def encode(self, text: str) -> list[int]:
        return [2 + byte for byte in text.encode("utf-8", "surrogatepass")]

    def vocabulary(self, without: bytes = b"") -> Vocabulary:
        return build([_spelled(raw, without) for raw in self.token_bytes])


def write(text: str, seed: int, **limits: int) -> tuple[Quote, bytes, bytes]:
    """A quote with tokens chosen at random; its bytes, raw and made equal."""
    words, pick = Words(text, seed), random.Random(seed)
    known = words.vocabulary()
    quote, raw, said = Quote(passages(text), known, words, **limits), b"", b""  # type: ignore[arg-type]
    guard = QuoteGuard(quote, (END, MARK))
    for _ in range(2_000):
        token = pick.choice(list(guard.allowed()))
        guard.advance(token)
        if guard.closed:
            return quote, raw, said
        raw, said = raw + words.token_bytes[token], said + known.spelled[token]
    raise AssertionError("it never closes")


@given(texts, st.integers(0, 10_000))
@settings(max_examples=60)
def test_whatever_is_written_occurs_in_the_document_and_its_place_is_known(text: str, seed: int):
    quote, raw, said = write(text, seed, max_chars=60)
    if not said:
        assert not len(passages(text).starts)
        return
    assert said in passages(text).raw
    span = quote.span
    assert span is not None
    assert spell(text[slice(*span)]).startswith(said.rstrip(b" "))
    try:
        assert spell(raw.decode()) == said
    except UnicodeDecodeError:  # closed by force within a character
        assert said not in spell(text[: span.end_char - 1]) or len(said) > 60


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_quote_of_any_script_is_found_by_the_search_that_checks_quotes(script: str):
    text = script * 2
    for seed in range(15):
        quote, _, _ = write(text, seed)
        assert quote.span is not None
        passage = text[slice(*quote.span)]
        assert len(passage) >= MIN_CHARS - 4  # a ligature counts as its letters
        assert find(text, passage) is not None or len(passage.strip(" ,.:;'")) < MIN_CHARS


def test_it_closes_at_ends_of_words_and_figures_only():
    text = "He paid $1,250.75 on the co-owner's behalf, wasn't he?"
    ends = [text[:at] for at in range(1, len(text) + 1) if passages(text).ends[at]]
    assert not {"He pai", "He paid $1", "He paid $1,250", "He paid $1,250.", "He paid $1,250.75 on the co"} & {*ends}
    assert {"He", "He paid $1,250.75", "He paid $1,250.75 on the co-owner's"} <= {*ends}
    assert not any(end.endswith(("was", "wasn", " ")) for end in ends)


def test_it_is_closed_by_force():
    text = "word " * 400
    words = Words(text)
    quote = Quote(passages(text), words.vocabulary(), words)  # type: ignore[arg-type]
    guard = QuoteGuard(quote, (END,))
    count = 0
    while guard.allowed() != [END]:
        guard.advance(next(token for token in guard.allowed() if token != END))
        count += 1
    assert MAX_CHARS <= count <= MAX_CHARS + SLACK_CHARS


def test_it_is_closed_at_the_end_of_a_sentence_where_that_is_asked_for():
    text = "It was a long day. Nobody came, not even in the evening, and so they left."
    words = Words(text)
    quote = Quote(passages(text), words.vocabulary(), words, one_sentence=True)  # type: ignore[arg-type]
    guard = QuoteGuard(quote, (END,))
    for token in words.encode("It was a long day"):
        guard.advance(token)
    assert guard.allowed() != [END]
    guard.advance(words.encode(".")[0])
    assert guard.allowed() == [END]


def test_a_passage_is_completed_to_the_end_of_its_sentence_if_that_is_near():
    text = "It was a long day. Nobody came, not even in the evening, and so they left. \n"
    known = passages(text)
    assert text[slice(*known.completed(Span(3, 10), 40))] == "was a long day."
    assert text[slice(*known.completed(Span(0, 18), 80))] == "It was a long day."
    assert text[slice(*known.completed(Span(19, 30), 80))] == "Nobody came, not even in the evening, and so they left."
    assert text[slice(*known.completed(Span(19, 30), 40))] == "Nobody came, not even in the evening,"


def test_a_quote_up_to_the_documents_end_has_no_white_space_behind_it():
    text = "It was the very last line\n\n"
    words = Words(text)
    quote = Quote(passages(text), words.vocabulary(), words)  # type: ignore[arg-type]
    for token in words.encode("the very last line "):
        assert token in quote.allowed()
        quote.advance(token)
    assert quote.must_close
    assert text[slice(*quote.span or (0, 0))] == "the very last line"


def test_one_place_left_gives_the_document_as_draft():
    text = "Alpha beta gamma delta. Alpha beta epsilon “zeta” eta theta iota."
    words = Words(text)
    quote = Quote(passages(text), words.vocabulary(), words)  # type: ignore[arg-type]
    for token in words.encode("Alpha beta "):
        quote.advance(token)
    assert (quote.num_places, quote.draft()) == (2, [])
    quote.advance(words.encode("e")[0])
    assert quote.num_places == 1
    assert quote.draft()[: len(words.encode("psilon"))] == words.encode("psilon")
    for token in words.encode("psilon 'zeta' eta"):
        quote.advance(token)
    assert text[slice(*quote.span or (0, 0))] == "Alpha beta epsilon “zeta” eta"


def test_what_several_places_go_on_with_alike_is_a_draft_as_well():
    text = "Alpha beta gamma delta. Then alpha beta gamma delta? Alpha beta epsilon zeta."
    words = Words(text)
    quote = Quote(passages(text), words.vocabulary(), words)  # type: ignore[arg-type]
    for token in words.encode("beta g"):
        quote.advance(token)
    assert quote.num_places == 2
    assert quote.draft() == words.encode("amma delta")[:-1]


def test_the_draft_of_a_sentence_goes_to_its_end_and_no_further():
    text = "It was a long day. Nobody came, not even in the evening, and so they left."
    words = Words(text)
    for one_sentence, draft in ((True, "ong day."), (False, "ong day. Nobody came, not even in the evening")):
        quote = Quote(passages(text), words.vocabulary(), words, max_chars=20, one_sentence=one_sentence)  # type: ignore[arg-type]
        for token in words.encode("was a l"):
            quote.advance(token)
        assert quote.draft()[: len(words.encode(draft))] == words.encode(draft)
        assert len(quote.draft()) <= (len("ong day.") if one_sentence else 20 + SLACK_CHARS)


def test_characters_are_written_as_the_document_has_them_once_few_places_are_left():
    text = "Alpha beta epsilon –\n\tzeta “eta” theta iota."
    words = Words("")
    words.token_bytes += ["–".encode(), "“".encode(), "”".encode()]
    quote = Quote(passages(text), words.vocabulary(), words)  # type: ignore[arg-type]
    for token in words.encode("Alpha beta epsilon "):
        quote.advance(token)
    written = b""
    while len(written) < len("– zeta “eta” theta".encode()):
        (token,) = quote.allowed()
        written += words.token_bytes[token]
        quote.advance(token)
    assert written.decode() == "– zeta “eta” theta"


def test_what_a_quote_may_not_have_is_left_out_of_the_vocabulary():
    words = Words("")
    ids = words.vocabulary(without=b'"\\').ids
    assert not {MARK, *words.encode('"\\')} & {*ids.tolist()}
    assert words.encode("'")[0] in ids


def test_a_document_too_short_to_quote_has_no_beginnings():
    assert not len(passages("Too short.").starts)
    assert not len(passages("").starts)


def test_a_large_vocabulary_over_a_long_document_is_searched_by_places(samples: Path):
    text = (samples / "persuasion.txt").read_text(encoding="utf-8")
    pieces = sorted({text[at : at + 1 + at % 9] for at in range(0, len(text), 97)})
    known = build([*(piece.encode() for piece in pieces)])
    index = passages(text)
    found = known.going_on(index.flat, np.array([index.flat.tobytes().find(b"truth universally"), 5_000]))
    flat = index.flat.tobytes()
    assert {*found.tolist()} == {
        token
        for token, piece in enumerate(known.spelled)
        if any(flat.startswith(piece, int(at)) for at in (flat.find(b"truth universally") % len(flat), 5_000))
    }
    assert passages_module.passages(text) is index
