"""The engine: token ids in, token ids out. The only room that imports torch and transformers."""
