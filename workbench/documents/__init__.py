"""Documents: text, pages, outline, and where they came from. Knows characters, never tokens or tensors."""
