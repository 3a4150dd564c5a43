"""The schema of every polars frame we return: column, dtype, unit, meaning.

Not covered: how frames are filled (the room that returns them), how they look (polars shows itself).
"""

import polars as pl

FIT_SECTIONS = pl.Schema(
    {
        "section": pl.String,  # title of a top-level entry of the outline, or a range of pages
        "first_page": pl.Int64,  # number, from 1
        "tokens": pl.Int64,  # in the model's own vocabulary
        "share": pl.Float64,  # of the window, in [0, 1] when it fits
    }
)

FIT_PAGES = pl.Schema(
    {
        "page": pl.Int64,  # number, from 1
        "label": pl.String,  # as printed
        "tokens": pl.Int64,  # that begin on it, in the model's own vocabulary
        "share": pl.Float64,  # of the window, in [0, 1] when it fits
    }
)

FIT_FILES = pl.Schema(
    {
        "path": pl.String,  # of a file; a folder's ends with "/", and its files and folders follow, largest first
        "depth": pl.Int64,  # folders above it
        "files": pl.Int64,  # files in it; 1 for a file
        "tokens": pl.Int64,  # in the model's own vocabulary
        "share": pl.Float64,  # of the window, in [0, 1] when it fits
    }
)

COVERAGE = pl.Schema(
    {
        "document": pl.String,  # the member of a collection; empty for a single document
        "page": pl.Int64,  # number, from 1
        "label": pl.String,  # as printed; the path of a file
        "status": pl.String,  # read, empty, scanned, ocr, unreadable, excluded
        "reason": pl.String,  # why not "read"; may be empty
        "chars": pl.Int64,  # characters of text
        "tokens": pl.Int64,  # that begin on it, in Qwen3.5's vocabulary; together those of the text
    }
)

EVIDENCE = pl.Schema(
    [
        ("sentence", pl.Int64),  # of the answer, from 1
        ("text", pl.String),  # of that sentence
        ("page", pl.Int64),  # number, from 1
        ("share", pl.Float64),  # of the attention while it was written, in [0, 1]; template and answer have the rest
        ("lift", pl.Float64),  # share against the same page's share under one fixed neutral question
    ]
)

SUMMARY_COVERAGE = pl.Schema(
    [
        ("page", pl.Int64),  # number, from 1
        ("label", pl.String),  # as printed
        ("chars", pl.Int64),  # characters of text
        ("sentences", pl.List(pl.Int64)),  # of the summary, from 1, that rest on this page; empty when none does
    ]
)

CELLS = pl.Schema(
    [
        ("document", pl.String),  # where it was looked for
        ("row", pl.Int64),  # of the table's frame, from 0
        ("column", pl.String),  # of the table's frame
        ("value", pl.String),  # as text, dates as 2023-06-15; null where there is none
        ("written", pl.String),  # as the document has it; null where there is none
        ("quote", pl.String),  # the document's own words around it; null without a source
        ("page", pl.Int64),  # number, from 1; null without a source
        ("label", pl.String),  # of the page, as printed
        ("start_char", pl.Int64),  # of the quote in Document.text; null without a source
        ("end_char", pl.Int64),  # one past its last character
        ("status", pl.String),  # supported, quote_only, unassessed, no_source
        ("where", pl.String),  # a closer place than the page, where there is one: "Sheet1!B4"
        ("probability", pl.Float64),  # of the least likely token of the value, in [0, 1]; null where not known
        ("note", pl.String),  # why there is no value, or what to know of it; empty for most
    ]
)

READINGS = pl.Schema(
    [
        ("name", pl.String),  # of the document
        ("hash", pl.String),  # of the document
        ("tokens", pl.Int64),  # to be read in all
        ("read_tokens", pl.Int64),  # on disk; fewer than tokens while it was not read to its end
        ("bytes", pl.Int64),  # on the disk
        ("date", pl.Datetime("us", "UTC")),  # when reading began
        ("model", pl.String),
        ("used", pl.Datetime("us", "UTC")),  # when it was last read or opened
        ("pinned", pl.Boolean),  # never removed to make room
        ("key", pl.String),  # its folder
        ("problem", pl.String),  # what is damaged; empty when nothing is known to be
    ]
)

OUTLINE = pl.Schema(
    {
        "level": pl.Int64,  # 1 is the top
        "title": pl.String,
        "page": pl.Int64,  # number of the page it begins on
        "chars": pl.Int64,  # characters up to the next entry of the same or a higher level
    }
)

DIFFERENCES = pl.Schema(
    [
        ("kind", pl.String),  # added, removed, changed, moved, contradicts
        ("first_quote", pl.String),  # the first document's own words; null when added
        ("first_page", pl.Int64),  # number, from 1; null when added
        ("first_start_char", pl.Int64),  # of the quote in the first Document.text; null when added
        ("first_end_char", pl.Int64),  # one past its last character
        ("second_quote", pl.String),  # the second document's; null when removed
        ("second_page", pl.Int64),
        ("second_start_char", pl.Int64),
        ("second_end_char", pl.Int64),
        (
            "contradiction",
            pl.Float64,
        ),  # the model's probability that only one can be true, in [0, 1]; null if not asked
    ]
)
