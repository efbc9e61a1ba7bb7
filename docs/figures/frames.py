"""Draws the frames of docs/conventions.md: frames_*.svg beside this file, or in the folder given.

Everything is placed by coordinates in the lab frame (x right, y down, z along the beam), which one
projection takes to the page.
"""
import math
import pathlib
import sys

INK, BEAM, CRYSTAL, FAINT = "#222222", "#0072b2", "#d55e00", "#999999"


class Drawing:
    def __init__(self, width, height, origin, project=lambda v: (v[0], v[1])):
        self.size, self.origin, self.project, self.parts = (width, height), origin, project, []

    def at(self, v):
        x, y = self.project(v)
        return self.origin[0] + x, self.origin[1] + y

    def line(self, a, b, colour=INK, width=1.4, dashed=False, arrow=False):
        (x1, y1), (x2, y2) = self.at(a), self.at(b)
        self.parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" '
                          f'stroke-width="{width}"' + (' stroke-dasharray="4 3"' if dashed else "") + "/>")
        if arrow:
            length = math.hypot(x2 - x1, y2 - y1)
            ux, uy = (x2 - x1) / length, (y2 - y1) / length
            tip = [(x2, y2)] + [(x2 - 9 * ux - s * 3.5 * uy, y2 - 9 * uy + s * 3.5 * ux) for s in (1, -1)]
            self.parts.append(f'<polygon points="{points(tip)}" fill="{colour}"/>')

    def arrow(self, a, b, colour=INK, label=None, shift=(6, 4), **options):
        self.line(a, b, colour, arrow=True, **options)
        if label:
            self.text(b, label, shift, colour)

    def polygon(self, corners, fill="none", stroke=INK, opacity=1.0):
        self.parts.append(f'<polygon points="{points(map(self.at, corners))}" fill="{fill}" stroke="{stroke}" '
                          f'fill-opacity="{opacity}"/>')

    def ellipse(self, centre, radii, angle_deg=0.0, fill="none", stroke=INK, dashed=False):
        x, y = self.at(centre)
        self.parts.append(f'<ellipse cx="{x:.1f}" cy="{y:.1f}" rx="{radii[0]:.1f}" ry="{radii[1]:.1f}" '
                          f'transform="rotate({angle_deg:.1f} {x:.1f} {y:.1f})" fill="{fill}" stroke="{stroke}"'
                          + (' stroke-dasharray="4 3"' if dashed else "") + "/>")

    def arc(self, centre, radius, begin_deg, end_deg, colour=INK, label=None, shift=(4, 4)):
        def on(angle):
            return (centre[0] + radius * math.cos(math.radians(angle)), centre[1] + radius * math.sin(math.radians(angle)))
        steps = [on(begin_deg + (end_deg - begin_deg) * i / 24) for i in range(25)]
        self.parts.append(f'<polyline points="{points(map(self.at, steps))}" fill="none" stroke="{colour}"/>')
        self.line(steps[-2], steps[-1], colour, arrow=True)
        if label:
            self.text(steps[12], label, shift, colour)

    def text(self, v, words, shift=(0, 0), colour=INK, anchor="start"):
        x, y = self.at(v)
        words = words.replace("&", "&amp;").replace("<", "&lt;")
        self.parts.append(f'<text x="{x + shift[0]:.1f}" y="{y + shift[1]:.1f}" fill="{colour}" '
                          f'text-anchor="{anchor}">{words}</text>')

    def save(self, path, title):
        width, height = self.size
        path.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
                        f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="14">\n<title>{title}</title>\n'
                        f'<rect width="{width}" height="{height}" fill="white"/>\n' + "\n".join(self.parts) + "\n</svg>\n")


def points(places):
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)


def oblique(v):
    """x to the right, z down the page, y towards the reader (to the lower left)."""
    x, y, z = v
    return x - 0.45 * y, z + 0.35 * y


def lab():
    d = Drawing(640, 430, (220, 70), oblique)
    d.text((0, 0, -50), "source", (8, 4))
    d.line((0, 0, -60), (0, 0, 45), BEAM, 2, arrow=True)

    def slab(z, thickness, fill):
        s = 90
        top = [(-s, -s, z), (s, -s, z), (s, s, z), (-s, s, z)]
        d.polygon([(-s, s, z), (s, s, z), (s, s, z + thickness), (-s, s, z + thickness)], fill, opacity=0.6)
        d.polygon([(s, -s, z), (s, s, z), (s, s, z + thickness), (s, -s, z + thickness)], fill, opacity=0.8)
        d.polygon(top, fill, opacity=0.35)
    slab(50, 18, "#f0c8a0")
    slab(68, 18, "#e8a060")
    d.line((0, 0, 50), (0, 0, 86), BEAM, 2, dashed=True)
    d.text((90, -90, 50), "z = 0: entrance face", (14, 6))
    d.text((90, -90, 68), "layers, in the order of the beam", (14, 14))

    z, s, n = 260, 100, 5
    d.polygon([(-s, -s, z), (s, -s, z), (s, s, z), (-s, s, z)], "#eef3f8")
    for i in range(1, n):
        t = -s + 2 * s * i / n
        d.line((t, -s, z), (t, s, z), "#c8d4e0", 0.8)
        d.line((-s, t, z), (s, t, z), "#c8d4e0", 0.8)
    d.line((0, 0, 108), (0, 0, z), BEAM, 2, arrow=True)
    for h in (-1, 1):
        d.line((0, 0, 108), (48 * h, 0, z), BEAM, 1, dashed=True)
    d.arrow((0, 0, z), (150, 0, z), label="x: column grows")
    d.arrow((0, 0, z), (0, 150, z), label="y: row grows", shift=(-104, 6))
    d.arrow((0, 0, z), (0, 0, z + 70), BEAM, "z: with the beam")
    d.text((-s, -s, z), "row 0, column 0", (-8, -4), anchor="end")
    return d, "Lab frame: the beam runs along z; detector columns grow with x, rows with y"


def crystal():
    # A triclinic cell in its Cartesian frame, by the rule that a lies along x and b in the xy plane.
    a, b, c, alpha, beta, gamma = 90, 80, 100, math.radians(75), math.radians(70), math.radians(60)
    va = (a, 0, 0)
    vb = (b * math.cos(gamma), b * math.sin(gamma), 0)
    cx = c * math.cos(beta)
    cy = c * (math.cos(alpha) - math.cos(beta) * math.cos(gamma)) / math.sin(gamma)
    vc = (cx, cy, math.sqrt(c * c - cx * cx - cy * cy))

    d = Drawing(640, 300, (80, 210), lambda v: (v[0] + 0.55 * v[1], -v[2] - 0.35 * v[1]))
    d.arrow((0, 0, 0), (180, 0, 0), FAINT, "x")
    d.arrow((0, 0, 0), (0, 130, 0), FAINT, "y")
    d.arrow((0, 0, 0), (0, 0, 150), FAINT, "z, c*")
    def add(*vectors):
        return tuple(map(sum, zip(*vectors)))
    for u, v, w in ((va, vb, vc), (vb, va, vc), (vc, va, vb)):
        for start in (v, w, add(v, w)):
            d.line(start, add(start, u), CRYSTAL, 0.8)
    for v, name, shift in ((va, "a", (-4, 18)), (vb, "b", (8, 2)), (vc, "c", (8, -2))):
        d.arrow((0, 0, 0), v, CRYSTAL, name, shift, width=2)
    d.text((0, 0, 0), "crystal frame: a along x, b in the xy plane", (-40, 50))

    d.origin, d.project = (440, 140), lambda v: (v[0], v[1])
    d.line((0, -100), (0, 100), BEAM, 2, arrow=True)
    d.text((0, -100), "beam", (10, 6), BEAM)
    d.polygon([(-80, -22), (80, -22), (80, 22), (-80, 22)], "#f0c8a0", opacity=0.5)
    d.arrow((0, 0), (0, 60), CRYSTAL, "beam_direction [uvw]: +z", (12, 6), width=2)
    d.arrow((0, 0), (0, -60), CRYSTAL, "zone_axis [uvw]: −z", (12, 4), width=2)
    d.arrow((0, 0), (110, 0), CRYSTAL, "x_axis: +x", (-2, -10), width=2)
    d.text((0, 0), "v_lab = R v_crystal", (-60, 118))
    return d, "Crystal frame of a triclinic cell, and how a study puts a crystal into the lab frame"


def tilt():
    d = Drawing(640, 300, (150, 130))

    def half(x, specimen, words, note):
        d.origin = (x, 130)
        d.line((0, -110), (0, 110), FAINT, dashed=True)
        d.text((0, 110), "z", (6, 4), FAINT)
        d.arrow((0, 0), (120, 0), FAINT, "x")
        angle = math.radians(18 if specimen else 0)

        # The beam turned towards +x is the crystal's z axis turned towards −x.
        def turned(px, py):
            return px * math.cos(angle) - py * math.sin(angle), px * math.sin(angle) + py * math.cos(angle)
        d.polygon([turned(*corner) for corner in ((-80, -20), (80, -20), (80, 20), (-80, 20))], "#f0c8a0", opacity=0.5)
        for i in range(-3, 4):
            d.line(turned(22 * i, -20), turned(22 * i, 20), CRYSTAL, 0.8)
        s = math.tan(math.radians(18))
        if specimen:
            d.line((0, -100), (0, 100), BEAM, 2, arrow=True)
        else:
            d.line((-100 * s, -100), (100 * s, 100), BEAM, 2, arrow=True)
            d.arc((0, 0), 75, 90, 74, BEAM, "θx > 0", (28, 0))
        d.text((0, 0), words, (0, 140), anchor="middle")
        d.text((0, 0), note, (0, 160), FAINT, anchor="middle")
    half(165, False, "beam_tilt_mrad: [θx, 0]", "the beam turns towards +x; the crystal stays")
    half(470, True, "the same geometry by turning the specimen", "its lattice planes lean the opposite way")
    return d, "Tilt: the direction of the incident beam against the crystal on its axis"


def detector():
    d = Drawing(640, 330, (60, 50))
    n, p = 6, 38
    for i in range(n + 1):
        d.line((i * p, 0), (i * p, n * p), "#c8d4e0", 0.8)
        d.line((0, i * p), (n * p, i * p), "#c8d4e0", 0.8)
    for i in range(n):
        d.text((i * p + p / 2, 0), str(i), (-4, -6), FAINT)
        d.text((0, i * p + p / 2), str(i), (-14, 5), FAINT)
    d.text((n * p / 2, 0), "column", (0, -24), anchor="middle")
    d.text((0, n * p), "row", (-30, 22))
    d.parts.append(f'<circle cx="{60 + p / 2}" cy="{50 + p / 2}" r="3" fill="{INK}"/>')
    d.text((p / 2, p / 2), "(0, 0) is a pixel's centre", (8, 4))
    cx, cy, turn = 3 * p, 3.4 * p, math.radians(25)
    d.arrow((cx, cy), (cx + 95, cy), FAINT, "columns", (-10, -8))
    d.arrow((cx, cy), (cx + 95 * math.cos(turn), cy + 95 * math.sin(turn)), BEAM, "lab x", (6, 8))
    d.arrow((cx, cy), (cx - 95 * math.sin(turn), cy + 95 * math.cos(turn)), BEAM, "lab y", (-10, 18))
    d.arc((cx, cy), 60, 0, 25, INK, "R > 0", (10, 7))
    d.text((cx, cy), "centre", (-52, -8))
    d.text((0, n * p), "rotation R: from columns to rows", (20, 44))

    d.origin = (490, 170)
    d.ellipse((0, 0), (70, 70), dashed=True, stroke=FAINT)
    ratio, long_axis = 1.35, 30
    d.ellipse((0, 0), (70 * math.sqrt(ratio), 70 / math.sqrt(ratio)), long_axis, stroke=CRYSTAL)
    reach = 70 * math.sqrt(ratio)
    d.arrow((0, 0), (reach * math.cos(math.radians(long_axis)), reach * math.sin(math.radians(long_axis))), CRYSTAL)
    d.arrow((0, 0), (110, 0), FAINT, "columns", (-34, -8))
    d.arc((0, 0), 45, 0, long_axis, CRYSTAL, "direction", (6, 8))
    d.text((0, 0), "ellipse E: × √ratio along its long axis,", (0, 116), anchor="middle")
    d.text((0, 0), "× 1/√ratio across; applied after R", (0, 134), anchor="middle")
    return d, "Detector: pixels, rotation of the pattern and elliptic distortion"


def maps():
    d = Drawing(640, 260, (120, 120))
    d.arrow((0, 0), (100, 0), INK, "x (columns)")
    d.arrow((0, 0), (0, 100), INK, "y (rows)")
    d.ellipse((0, 0), (9, 9), stroke=BEAM)
    d.line((-6, -6), (6, 6), BEAM)
    d.line((-6, 6), (6, -6), BEAM)
    d.text((0, 0), "z: away from the reader", (-95, -20), BEAM)
    d.text((0, 0), "lab frame, as the image is seen", (-100, -90))
    d.origin = (450, 120)
    d.arrow((0, 0), (100, 0), INK, "x")
    d.arrow((0, 0), (0, -75), INK, "y")
    d.ellipse((0, 0), (9, 9), stroke=BEAM)
    d.parts.append(f'<circle cx="450" cy="120" r="3" fill="{BEAM}"/>')
    d.text((0, 0), "z: to the reader, to the source", (-95, 30), BEAM)
    d.text((0, 0), "map frame: .ang, .ctf, orix, MTEX", (-100, -98))
    d.text((0, 0), "v_map = diag(1, −1, −1) v_lab", (-95, 80))
    return d, "The frame of orientations for other programs against the lab frame"


def main(folder):
    for draw in lab, crystal, tilt, detector, maps:
        drawing, title = draw()
        drawing.save(folder / f"frames_{draw.__name__}.svg", title)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent)
