import pytest

from workbench.analysis.labels import DESCRIBED, EXACT, NAMED, WEAK, fields, fit
from workbench.analysis.schema import Column

TEXT = """Patient Name: Ann Roe   Age: 28
CC: Gout
- **Seen by:** Dr. Low

Landlord:
Mr. Hill

Empty:
Other: yes
He said. Then: no
The reason that he gave was this: none
"""


def test_every_label_has_what_stands_behind_it_and_none_is_made_of_a_sentence():
    said = [(field.label, TEXT[field.value.start_char : field.value.end_char]) for field in fields(TEXT)]
    assert said == [
        ("Patient Name", "Ann Roe"), ("Age", "28"), ("CC", "Gout"), ("Seen by", "Dr. Low"), ("Landlord", "Mr. Hill"),
        ("Other", "yes"),
    ]  # fmt: skip
    assert fields("No label here, at 10:30.") == []


@pytest.mark.parametrize(
    ("label", "name", "description", "near"),
    [
        ("Landlord", "landlord", "", EXACT),
        ("Visit date", "visitDate", "", EXACT),
        ("Patient Name", "patient", "", NAMED),
        ("Monthly rent", "rent", "", NAMED),
        ("Invoice No.", "number", "invoice number", NAMED),
        ("Order No.", "number", "invoice number", 0.0),
        ("Customer No.", "customer", "", 0.0),
        ("Solicitor of the lessor", "lessor", "", 0.0),
        ("Invoice date", "issued", "date of the invoice", DESCRIBED),
        ("Date", "issued", "date of the invoice", DESCRIBED),
        ("Patient", "age", "of the patient, in years", DESCRIBED),
        ("Patient", "doctor", "who has seen the patient", 0.0),
        ("DOB", "born", "date of birth", DESCRIBED),
        ("CC", "complaint", "what the patient has, behind CC", DESCRIBED),
        ("Name", "patient", "name of the patient", WEAK),
        ("Name", "doctor", "", 0.0),
        ("Lessor", "landlord", "", 0.0),
    ],
)
def test_a_label_is_as_near_to_a_column_as_their_words(label: str, name: str, description: str, near: float):
    assert fit(label, Column(name, description=description)) == near


def test_what_a_question_is_about_is_not_what_it_asks_for():
    why = Column("why", description="patient complain")
    assert fit("Patient", why)
    assert not fit("Patient", why, begun=False)
    assert not fit("Landlord", Column("What must the landlord repair?"), begun=False)
    assert fit("CC", Column("why", description="chief complaint"), begun=False)


def test_a_label_of_small_words_names_nothing():
    assert not fit("From", Column("Who is it to?"))
