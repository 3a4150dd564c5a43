"""One module a kind of file: bytes in, text with pages and outline out."""
