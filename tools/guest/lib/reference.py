"""What the guest's pictures have to be, worked out from the formulas alone.

    pattern(seed)  pixel(x, y) = (mix(seed ^ (x * 0x9e3779b1)) ^ mix(~seed ^ (y * 0x85ebca77))) >> 8
    cursor(seed)   64x64; opacity (0, 85, 128, 255)[(x / 8 + y / 8) % 4]; each colour of
                   mix(seed ^ ((y * 64 + x) * 0x9e3779b1)) >> 8 times opacity / 255, rounded

in 32-bit arithmetic that wraps.
"""
import zlib
from picture import Picture

WORD = 0xFFFFFFFF
CURSOR_SIDE = 64


def mix(word):
    word ^= word >> 16
    word = word * 0x7FEB352D & WORD
    word ^= word >> 15
    word = word * 0x846CA68B & WORD
    return word ^ word >> 16


def draw_pattern(picture, seed, area=None):
    """Draws the part of a pattern that falls into the area (x, y, width, height), or the whole."""
    left, top, width, height = area or (0, 0, picture.width, picture.height)
    # A row is one long number of 24 bits a pixel; all its pixels change by the same for another row.
    column_bytes = b"".join((mix(seed ^ (x * 0x9E3779B1 & WORD)) >> 8).to_bytes(3, "big")
                            for x in range(left, left + width))
    columns, ones = int.from_bytes(column_bytes, "big"), int.from_bytes(b"\0\0\1" * width, "big")
    for y in range(top, top + height):
        row = mix(~seed & WORD ^ (y * 0x85EBCA77 & WORD)) >> 8
        at = (y * picture.width + left) * 3
        picture.data[at:at + width * 3] = (columns ^ row * ones).to_bytes(width * 3, "big")


def pattern(width, height, seed):
    picture = Picture(width, height)
    draw_pattern(picture, seed)
    return picture


def cursor_pixel(seed, x, y):
    """(alpha, red, green, blue), the colours multiplied by alpha."""
    alpha = (0, 85, 128, 255)[(x // 8 + y // 8) % 4]
    colour = mix(seed ^ ((y * CURSOR_SIDE + x) * 0x9E3779B1 & WORD)) >> 8
    return (alpha, *((channel * alpha + 127) // 255 for channel in (colour >> 16, colour >> 8 & 255, colour & 255)))


def cursor_crc(seed):
    """zlib's CRC-32 over the image's bytes: blue, green, red, alpha."""
    content = bytearray()
    for y in range(CURSOR_SIDE):
        for x in range(CURSOR_SIDE):
            alpha, red, green, blue = cursor_pixel(seed, x, y)
            content += bytes((blue, green, red, alpha))
    return zlib.crc32(content)


def with_cursor(picture, seed, left, top):
    """The picture with the cursor's image over it, its corner at (left, top), cut at the edges."""
    result = picture.copy()
    for y in range(max(0, -top), min(CURSOR_SIDE, picture.height - top)):
        for x in range(max(0, -left), min(CURSOR_SIDE, picture.width - left)):
            alpha, *colours = cursor_pixel(seed, x, y)
            at = ((top + y) * picture.width + left + x) * 3
            for channel, source in enumerate(colours):
                below = result.data[at + channel]
                result.data[at + channel] = source + (below * (255 - alpha) + 127) // 255
    return result
