"""Pictures as rows of red, green, blue bytes: reading, writing, comparing."""
import re, struct, zlib


class Picture:
    """width * height pixels of three bytes each, without padding."""

    def __init__(self, width, height, data=None):
        self.width, self.height = width, height
        self.data = bytearray(width * height * 3) if data is None else data
        if len(self.data) != width * height * 3:
            raise ValueError(f"{len(self.data)} bytes are no picture of {width}x{height}")

    def copy(self):
        return Picture(self.width, self.height, bytearray(self.data))

    def pixel(self, x, y):
        at = (y * self.width + x) * 3
        return int.from_bytes(self.data[at:at + 3], "big")

    def difference(self, wanted):
        """None when this is the wanted picture, else in words where it first is not."""
        if (self.width, self.height) != (wanted.width, wanted.height):
            return f"the picture is {self.width}x{self.height}, not {wanted.width}x{wanted.height}"
        if self.data == wanted.data:
            return None
        row, first, count = self.width * 3, None, 0
        for y in range(self.height):
            mine, other = self.data[y * row:y * row + row], wanted.data[y * row:y * row + row]
            if mine != other:
                wrong = [x for x in range(self.width) if mine[x * 3:x * 3 + 3] != other[x * 3:x * 3 + 3]]
                first = first or (wrong[0], y)
                count += len(wrong)
        x, y = first
        return (f"{count} wrong pixels, the first at x={x} y={y}: "
                f"{self.pixel(x, y):06x}, not {wanted.pixel(x, y):06x}")

    def crc(self):
        """zlib's CRC-32 over the pixels as the bytes blue, green, red, 0."""
        padded = bytearray(self.width * self.height * 4)
        padded[0::4], padded[1::4], padded[2::4] = self.data[2::3], self.data[1::3], self.data[0::3]
        return zlib.crc32(padded)

    @staticmethod
    def from_ppm(content):
        head = re.match(rb"P6\s+(?:#[^\n]*\n\s*)*(\d+)\s+(\d+)\s+255\s", content)
        if not head:
            raise ValueError("not a raw PPM picture of 8 bits a channel")
        width, height, body = int(head[1]), int(head[2]), content[head.end():]
        stride = len(body) // height
        if stride != width * 3:     # some writers pad each row
            body = b"".join(body[y * stride:y * stride + width * 3] for y in range(height))
        return Picture(width, height, bytearray(body))

    def ppm(self):
        return b"P6\n%d %d\n255\n" % (self.width, self.height) + bytes(self.data)

    def png(self):
        row = self.width * 3
        lines = b"".join(b"\0" + self.data[y * row:y * row + row] for y in range(self.height))

        def chunk(kind, content):
            return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        head = struct.pack(">IIBBBBB", self.width, self.height, 8, 2, 0, 0, 0)
        return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines, 6))
                + chunk(b"IEND", b""))
