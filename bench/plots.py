"""Plots as SVG: lines over a logarithmic axis, legible on light and dark pages."""

import html
import math

WIDTH, HEIGHT = 640, 320
LEFT, RIGHT, TOP, BOTTOM = 78, 150, 36, 46
COLOURS = ("#2f7ed8", "#d9822b", "#3d9970", "#b04a8f")


def short(number):
    for size, unit in ((1e6, " M"), (1e3, " k")):
        if abs(number) >= size:
            return f"{number / size:.3g}{unit}"
    return f"{number:.3g}"


def steps(most):
    """Round numbers from 0 to at least `most`, four to seven of them."""
    step = 10 ** math.floor(math.log10(most or 1))
    step = next(step * part for part in (0.2, 0.5, 1, 2) if most / (step * part) <= 6)
    return [step * at for at in range(math.ceil(most / step - 1e-9) + 1)]


def text(x, y, what, anchor="middle", more=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {more}>{html.escape(what)}</text>'


def plot(path, title, x_label, y_label, lines):
    """`lines`: a name and its (x, y) points, each x above zero."""
    xs = sorted({x for _, points in lines for x, _ in points})
    ticks = steps(max(y for _, points in lines for _, y in points))
    low, high = math.log10(xs[0]), math.log10(xs[-1])

    def across(x):
        return LEFT + (math.log10(x) - low) / ((high - low) or 1) * (WIDTH - LEFT - RIGHT)

    def down(y):
        return HEIGHT - BOTTOM - y / ticks[-1] * (HEIGHT - TOP - BOTTOM)

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" font-family="sans-serif" '
        'font-size="12" fill="#808080">',
        f"<title>{html.escape(title)}</title>",
        text(LEFT, 18, title, "start", 'font-weight="bold"'),
        text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, x_label),
        text(14, (TOP + HEIGHT - BOTTOM) / 2, y_label, more=f'transform="rotate(-90 14 {(TOP + HEIGHT - BOTTOM) / 2})"'),
    ]
    for y in ticks:
        out.append(f'<path d="M{LEFT} {down(y):.1f}H{WIDTH - RIGHT}" stroke="#80808055"/>')
        out.append(text(LEFT - 6, down(y) + 4, short(y), "end"))
    for x in xs:
        out.append(text(across(x), HEIGHT - BOTTOM + 16, short(x)))
    for (name, points), colour in zip(lines, COLOURS):
        way = "L".join(f"{across(x):.1f} {down(y):.1f}" for x, y in points)
        out.append(f'<path d="M{way}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out.extend(f'<circle cx="{across(x):.1f}" cy="{down(y):.1f}" r="3" fill="{colour}"/>' for x, y in points)
        x, y = points[-1]
        out.append(text(across(x) + 8, down(y) + 4, name, "start", f'fill="{colour}"'))
    path.write_text("\n".join([*out, "</svg>"]) + "\n")
