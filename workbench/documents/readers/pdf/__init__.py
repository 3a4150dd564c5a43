"""PDF, page by page, through PyMuPDF: each character with its box, what was left out said.

Not covered: anything of its own; ``reading`` puts the rooms together.
"""

from workbench.documents.readers.pdf.reading import read_pdf

__all__ = ["read_pdf"]
