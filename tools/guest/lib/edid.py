"""Reads the parts of an EDID that the tests look at, and says what is wrong with one."""


def decode(content):
    """A dictionary: name, preferred (width, height), size in millimetres, standard modes; ValueError if ill-formed."""
    if len(content) < 128 or len(content) % 128:
        raise ValueError(f"{len(content)} bytes are no whole blocks of 128")
    for start in range(0, len(content), 128):
        if sum(content[start:start + 128]) % 256:
            raise ValueError(f"the checksum of block {start // 128} is wrong")
    if content[:8] != b"\0\xff\xff\xff\xff\xff\xff\0":
        raise ValueError("the header is wrong")
    if content[126] != len(content) // 128 - 1:
        raise ValueError(f"{content[126]} extension blocks are announced, {len(content) // 128 - 1} are there")
    maker = int.from_bytes(content[8:10], "big")
    result = {"version": f"{content[18]}.{content[19]}", "name": None, "preferred": None, "standard": [],
              "maker": "".join(chr(64 + (maker >> shift & 31)) for shift in (10, 5, 0)), "millimetres": None}
    for at in range(38, 54, 2):
        first, second = content[at], content[at + 1]
        if (first, second) == (1, 1):
            continue
        width = (first + 31) * 8
        ratio = {0: (16, 10), 1: (4, 3), 2: (5, 4), 3: (16, 9)}[second >> 6]
        result["standard"].append((width, width * ratio[1] // ratio[0]))
    for at in range(54, 126, 18):
        block = content[at:at + 18]
        if block[0] or block[1]:
            width = block[2] | (block[4] & 0xF0) << 4
            height = block[5] | (block[7] & 0xF0) << 4
            if result["preferred"] is None:
                result["preferred"] = (width, height)
                result["millimetres"] = (block[12] | (block[14] & 0xF0) << 4, block[13] | (block[14] & 15) << 8)
        elif block[3] == 0xFC:
            result["name"] = block[5:].split(b"\n")[0].decode("ascii", "replace").strip()
    return result
