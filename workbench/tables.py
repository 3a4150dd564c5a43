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

PAGES = pl.Schema(
    {
        "page": pl.Int64,  # number, from 1
        "label": pl.String,  # as printed
        "status": pl.String,  # read, empty, scanned, unreadable, excluded
        "chars": pl.Int64,  # characters of text
    }
)

OUTLINE = pl.Schema(
    {
        "level": pl.Int64,  # 1 is the top
        "title": pl.String,
        "page": pl.Int64,  # number of the page it begins on
        "chars": pl.Int64,  # characters up to the next entry of the same or a higher level
    }
)
