# pixels.S -- sizes and colours of text on the framebuffer. It makes no code.
#
# 32 bits a pixel: 8 bits each of red, green and blue.

.set GLYPH_WIDTH,    8          # pixels
.set GLYPH_HEIGHT,   16
.set GLYPH_BYTES,    GLYPH_WIDTH * 4
.set INK,            0x00d0d0d0 # colours, as 8 bits each of red, green and blue
.set PAPER,          0x00101820

.set FONT_FIRST,     ' '        # the characters of font.S: printable ASCII
.set FONT_COUNT,     95
