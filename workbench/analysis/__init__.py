"""What is asked of a reading: one module a question. Knows token ids and text, never tensors."""
