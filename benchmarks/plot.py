"""Prefill and decode of every engine as bars, in SVG: two panels a model, at its deepest reading."""

from __future__ import annotations

from html import escape

from benchmarks.results import Key, Results

WIDTH, LABEL_WIDTH, PANEL_WIDTH = 900, 230, 335
BAR, PITCH, TITLE = 14, 22, 34  # pixels
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600 }
rect { fill: #8b949e }
.ours { fill: #2f7fd6 }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } rect { fill: #6e7681 } .ours { fill: #58a6ff } }
"""


def svg(results: Results) -> str:
    """The drawing; its background is the page's, in a light or a dark scheme."""
    body, top = [], 0
    for model in results.models():
        drawn, height = _model(results, model, top)
        body += drawn
        top += height
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" role="img" '
        f'aria-label="Prefill and decode by engine, tokens per second">\n<style>{STYLE}</style>\n'
        + "\n".join(body)
        + "\n</svg>\n"
    )


def _model(results: Results, model: str, top: int) -> tuple[list[str], int]:
    """A model's labels and its two panels from ``top`` down, and their height in pixels."""
    depth = max(results.depths(model, "prefill"))
    setups = [setup for setup in results.setups(model) if results.median(Key(model, *setup, "prefill", depth))]
    drawn = [_text(0, top + 20, f"{model}, {depth:,} tokens read", "title")]
    for row, (engine, weights, kv) in enumerate(setups):
        name = engine.replace("flash attention", "flash")
        drawn.append(_text(0, top + TITLE + row * PITCH + BAR - 3, f"{name}: {weights}, KV {kv}"))
    for column, measure in enumerate(("prefill", "decode")):
        left = LABEL_WIDTH + column * PANEL_WIDTH
        drawn.append(_text(left, top + 20, f"{measure}, tokens/s", "title"))
        values = [results.median(Key(model, *setup, measure, depth)) or 0.0 for setup in setups]
        scale = (PANEL_WIDTH - 70) / max(values, default=1.0)
        for row, (setup, value) in enumerate(zip(setups, values, strict=True)):
            y, width = top + TITLE + row * PITCH, value * scale
            kind = "ours" if setup[0] == "ours" else "other"
            drawn.append(f'<rect class="{kind}" x="{left}" y="{y}" width="{width:.1f}" height="{BAR}" rx="2"/>')
            drawn.append(_text(left + width + 6, y + BAR - 3, f"{value:.1f}" if value < 100 else f"{value:.0f}"))
    return drawn, TITLE + len(setups) * PITCH + 14


def _text(x: float, y: float, words: str, kind: str = "label") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y}">{escape(words)}</text>'
