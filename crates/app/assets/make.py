"""Makes inter-*.ttf of this folder from the web fonts of the npm package inter-ui 4.1.1 (SIL Open Font License 1.1, see
LICENSE): the letters, figures and signs that the app writes, figures all of one width so that counters do not dance.

    npm pack inter-ui@4.1.1 && tar xzf inter-ui-4.1.1.tgz
    pip install fonttools==4.68.0 brotli
    python make.py package/web
"""

import sys
from fontTools.pens.transformPen import TransformPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools import subset
from fontTools.ttLib import TTFont

LETTERS = (
    [*range(0x20, 0x7F), *range(0xA0, 0x100), 0x131, 0x152, 0x153, 0x160, 0x161, 0x178, 0x17D, 0x17E]
    + [*range(0x391, 0x3A2), *range(0x3A3, 0x3AA), *range(0x3B1, 0x3CA), 0x3D1, 0x3D5, 0x3F5]
    + [*range(0x2010, 0x2027), 0x2030, 0x2032, 0x2033, 0x2039, 0x203A, 0x20AC, 0x2122, 0x210F, 0x2113]
    + [*range(0x2070, 0x209D)]
)
SIGNS = [ord(sign) for sign in "←↑→↓↔↕↖↗↘↙↩↺↻⇧⌃⌘⌥⌫⏎∂∇∈−∓∕∗∙√∝∞∥‖∩∪∫≈≠≡≤≥⋅▲△▶▷▼▽◀◁●○■□◆◇★✓✕✗"]


def tabular(font):
    """Figures of one width stand where those of their own widths stood."""
    substitutes = {}
    gsub = font["GSUB"].table
    for record in gsub.FeatureList.FeatureRecord:
        if record.FeatureTag == "tnum":
            for index in record.Feature.LookupListIndex:
                for table in gsub.LookupList.Lookup[index].SubTable:
                    substitutes.update(getattr(getattr(table, "ExtSubTable", table), "mapping", {}))
    for table in font["cmap"].tables:
        for code in range(ord("0"), ord("9") + 1):
            if code in table.cmap:
                table.cmap[code] = substitutes.get(table.cmap[code], table.cmap[code])


def nabla(font):
    """Inter has no nabla: it is its Delta, turned over."""
    delta = font.getBestCmap()[0x394]
    height = font["OS/2"].sCapHeight
    pen = TTGlyphPen(None)
    font.getGlyphSet()[delta].draw(TransformPen(pen, (1, 0, 0, -1, 0, height)))
    font.setGlyphOrder([*font.getGlyphOrder(), "nabla"])
    font["glyf"]["nabla"] = pen.glyph()
    font["hmtx"]["nabla"] = font["hmtx"][delta]
    for table in font["cmap"].tables:
        if table.isUnicode():
            table.cmap[0x2207] = "nabla"


for weight in ["Regular", "SemiBold"]:
    font = TTFont(f"{sys.argv[1]}/Inter-{weight}.woff2")
    tabular(font)
    nabla(font)
    options = subset.Options()
    options.layout_features = ["kern", "ccmp", "mark", "locl"]
    options.hinting = False
    options.desubroutinize = True
    options.name_IDs = [0, 1, 2, 4, 6, 13, 14]
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=LETTERS + SIGNS)
    subsetter.subset(font)
    font.flavor = None
    font.save(f"inter-{weight.lower()}.ttf")
    missing = [chr(code) for code in LETTERS + SIGNS if code not in font.getBestCmap()]
    print(weight, len(font.getBestCmap()), "signs; not in Inter:", "".join(missing))
