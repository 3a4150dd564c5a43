import pytest

import workbench as wb
from workbench.analysis import prompts
from workbench.analysis.citations import CONTEXT_CHARS, citation, cite, claims, unsupported
from workbench.documents.sentences import sentences
from workbench.types import Span

WARS = (
    "Anne Elliot was a widow’s friend. “I have loved none but you,” he wrote to her.\n\n"
    "She read it twice; the letter lay on the table – and nobody came.\n\n"
)
TEXT = (
    "[page 7]\n"
    + WARS
    + "[page 8]\nThe sum was $300,000 in all,\nand it was paid in Bath. "
    + "Quiet days followed. " * 40
)


@pytest.fixture(scope="module")
def document() -> wb.Document:
    return wb.load(TEXT.encode(), name="letters.txt")


def only(document: wb.Document, answer: str) -> wb.Citation:
    (citation,) = cite(document, answer)
    return citation


def test_a_quote_is_found_with_its_page_and_its_characters(document: wb.Document):
    answer = 'It was paid in Bath: "and it was paid in Bath."'
    citation = only(document, answer)
    assert citation.status == "supported"
    assert document.text[citation.start_char : citation.end_char] == citation.passage
    assert citation.passage.startswith("and it was paid in Bath")
    assert citation.page == document.page_at(citation.start_char).number
    assert citation.label == document.page_at(citation.start_char).label == "8"
    start, end = citation.answer_span
    assert answer[start:end] == citation.quote == "and it was paid in Bath."
    assert document.text.startswith(citation.before + citation.passage + citation.after, start_of(document, citation))


def start_of(document: wb.Document, citation: wb.Citation) -> int:
    return citation.start_char - len(citation.before)


@pytest.mark.parametrize(
    "quote",
    [
        "“I have loved none but you,” he wrote",
        "the letter lay on the table - and nobody came",
        "ANNE ELLIOT WAS A WIDOW'S FRIEND",
        "The sum was $300,000 in all, and it",
    ],
)
def test_quotation_marks_hyphens_case_and_line_ends_do_not_matter(document: wb.Document, quote: str):
    citation = only(document, f"«{quote}»")
    assert citation.status == "unassessed"  # a quote alone claims nothing
    assert document.text[citation.start_char : citation.end_char] == citation.passage


def test_curly_quotes_are_quotes(document: wb.Document):
    citation = only(document, "She read it: “She read it twice; the letter lay”.")
    assert citation.page == document.pages[0].number
    assert citation.passage == "She read it twice; the letter lay"


@pytest.mark.parametrize("quote", ["Wentworth sailed away for good", "The sum was $400,000 in all"])
def test_what_the_document_does_not_say_has_no_source(document: wb.Document, quote: str):
    citation = only(document, f'Quote: "{quote}"')
    assert citation.status == "no_source"
    assert citation.quote == quote
    assert (citation.page, citation.start_char, citation.end_char, citation.passage) == (None, None, None, "")


def test_short_quotes_are_no_evidence_and_the_others_come_in_order(document: wb.Document):
    answer = '"in Bath" and "Quiet days followed" but "She read it twice" and "Quiet days followed"'
    assert [citation.quote for citation in cite(document, answer)] == [
        "Quiet days followed", "She read it twice", "Quiet days followed",
    ]  # fmt: skip


def test_an_answer_without_a_quote_gets_the_passage_that_has_its_words(document: wb.Document):
    citation = only(document, "He paid $300,000 in Bath.")
    assert (citation.origin, citation.status, citation.label) == ("nearest", "supported", "8")
    assert citation.quote == "The sum was $300,000 in all, and it was paid in Bath."
    assert document.text[citation.start_char : citation.end_char] == citation.passage
    assert only(document, '"and it was paid in Bath" proves it.').origin == "quoted"


def test_each_sentence_has_a_passage_of_its_own_and_none_has_two(document: wb.Document):
    answer = "Anne was a widow's friend. The sum was $300,000. The friend of the widow was Anne."
    first, second = cite(document, answer)
    assert (first.label, second.label) == ("7", "8")
    assert [answer[c.answer_span.start_char :][:4] for c in (first, second)] == ["Anne", "The "]


def test_nothing_is_found_for_what_the_document_does_not_say(document: wb.Document):
    assert cite(document, "Anne was born in 1787.", "When was Anne born?") == ()
    assert cite(document, prompts.ABSENT + " It was paid in Bath.") == ()


def test_a_sentence_with_an_invented_quote_is_not_made_to_look_proved(document: wb.Document):
    invented = only(document, 'He said "the sum of $300,000 was paid in gold".')
    assert invented.status == "no_source"


def test_what_stands_around_is_cut_at_words_where_there_are_words():
    text = "词" * 300 + "this is the one passage" + "词" * 300
    citation = only(wb.load(text.encode(), name="a.txt"), '"this is the one passage"')
    assert citation.before == citation.after == "词" * CONTEXT_CHARS
    words = "word " * 100 + "this is the one passage" + " word" * 100
    citation = only(wb.load(words.encode(), name="b.txt"), '"this is the one passage"')
    assert set(citation.before.split()) == set(citation.after.split()) == {"word"}
    assert 0 < len(citation.before) <= CONTEXT_CHARS


def test_a_quote_alone_belongs_to_the_claim_in_front_of_it(document: wb.Document):
    answer = (
        'The sum was $300,000. "The sum was $300,000 in all." She read it once. "She read it twice; the letter lay"'
    )
    first, second = cite(document, answer)
    assert (first.status, second.status) == ("supported", "quote_only")
    assert [answer[start:end] for start, end in claims(answer)] == ["The sum was $300,000.", "She read it once."]
    assert unsupported(answer, (first, second)) == (claims(answer)[1],)


def test_each_claim_without_a_quote_has_its_nearest_passage_or_is_unsupported(document: wb.Document):
    answer = "The sum was $300,000. She read it twice. Wentworth sailed to Lisbon in 1806."
    found = cite(document, answer)
    assert [citation.status for citation in found] == ["supported", "supported"]
    (left,) = unsupported(answer, found)
    assert answer[left.start_char : left.end_char].startswith("Wentworth")


def behind(document: wb.Document, answer: str, passage: str) -> wb.Citation:
    """A passage as it is quoted behind an answer."""
    start = document.text.index(passage)
    return citation(document, passage, Span(start, start + len(passage)), Span(len(answer), len(answer)))


def test_beside_a_passage_quoted_behind_that_proves_nothing_stands_the_nearest_one(document: wb.Document):
    answer = "It was Anne, the friend."
    passage = behind(document, answer, "She read it twice; the letter lay on the table")
    nearest, quoted = cite(document, answer, "Who was a widow's friend?", (passage,))
    assert (nearest.origin, nearest.label, quoted.origin, quoted.label) == ("nearest", "8", "quoted", "7")
    assert "supported" not in (nearest.status, quoted.status)
    same = behind(document, answer, nearest.passage)
    assert [each.origin for each in cite(document, answer, "Who was a widow's friend?", (same,))] == ["quoted"]


def test_that_the_document_does_not_say_needs_no_support(document: wb.Document):
    assert unsupported(prompts.ABSENT, ()) == ()


def test_a_claim_in_the_documents_own_words_is_supported_quotation_marks_and_all(document: wb.Document):
    answer = "“I have loved none but you,” he wrote to her. Nobody knows why."
    found = cite(document, answer)
    assert [(c.status, c.passage) for c in found] == [("supported", "“I have loved none but you,” he wrote to her.")]
    assert unsupported(answer, found) == (claims(answer)[1],)


def test_a_claim_around_a_quote_is_not_proved_by_the_quote_alone(document: wb.Document):
    answer = "“I have loved none but you,” he wrote to Louisa."
    assert [c.status for c in cite(document, answer)] == ["quote_only"]
    assert unsupported(answer, cite(document, answer)) == claims(answer)


def test_every_sentence_of_an_opinion_is_supported_by_it(samples):
    opinion = wb.load(samples / "abouammo-v-united-states.txt")
    whole = [opinion.text[slice(*span)] for span in sentences(opinion.text)]
    said = [" ".join(sentence.split()) for sentence in whole if len(sentence) >= 20]
    assert len(said) > 100
    assert [each for each in said if unsupported(each, cite(opinion, each))] == []
