#!/usr/bin/env python3
"""Packs a guest's initramfs: the first process, and the modules that its devices need.

  initramfs.py KERNEL FIRST OUTPUT [--with NAME=FILE] [MODULE...]

KERNEL is a folder with Debian's kernel package unpacked. FIRST is the program to start with; NAME=FILE goes beside it,
as a program too. Without modules they are those of the client's guest. The modules' order follows from what each says it
depends on, so that no other tool is needed.
"""
import argparse, lzma, os, stat, struct, sys

WANTED = ("virtio_pci", "virtio_gpu", "virtio_rng", "virtio_input", "evdev")


def module_files(kernel):
    """Every module of the kernel by its name: the file's, with underscores."""
    files = {}
    for base in ("lib/modules", "usr/lib/modules"):
        for folder, _, names in os.walk(os.path.join(kernel, base)):
            for name in names:
                stem, dot, kind = name.partition(".ko")
                if dot and kind in ("", ".xz"):
                    files[stem.replace("-", "_")] = os.path.join(folder, name)
    return files


def built_in(kernel):
    """The names of what could be modules and is part of the kernel itself."""
    names = set()
    for base in ("lib/modules", "usr/lib/modules"):
        for folder, _, files in os.walk(os.path.join(kernel, base)):
            if "modules.builtin" in files:
                with open(os.path.join(folder, "modules.builtin")) as file:
                    names.update(os.path.basename(line).partition(".ko")[0].replace("-", "_") for line in file)
    return names


def module_bytes(path):
    with open(path, "rb") as file:
        data = file.read()
    return lzma.decompress(data) if path.endswith(".xz") else data


def dependencies(module):
    """The names that the ELF section .modinfo gives behind depends=."""
    section_offset = struct.unpack_from("<Q", module, 0x28)[0]
    entry_size, count, names_index = struct.unpack_from("<HHH", module, 0x3A)

    def section(index):
        name, _, _, _, offset, size = struct.unpack_from("<IIQQQQ", module, section_offset + index * entry_size)
        return name, module[offset:offset + size]
    names = section(names_index)[1]
    for index in range(count):
        name, content = section(index)
        if names[name:names.index(b"\0", name)] == b".modinfo":
            for entry in content.split(b"\0"):
                if entry.startswith(b"depends="):
                    return [word.replace("-", "_") for word in entry[8:].decode().split(",") if word]
    return []


def ordered_modules(kernel, wanted):
    """The wanted modules and all below them, each behind those it needs, as (file name, bytes)."""
    files, order = module_files(kernel), []
    done = built_in(kernel)

    def add(name, needed_by):
        if name in done:
            return
        done.add(name)
        if name not in files:
            sys.exit(f"initramfs: {kernel} has no module {name}, which {needed_by} needs")
        data = module_bytes(files[name])
        for other in dependencies(data):
            add(other, name)
        stem = os.path.basename(files[name]).partition(".ko")[0]
        order.append((f"{len(order):02d}-{stem}.ko", data))
    for name in wanted:
        add(name, "the guest")
    return order


class Archive:
    """A cpio archive in the form that the kernel unpacks ("newc")."""

    def __init__(self):
        self.data, self.count, self.folders = bytearray(), 0, {""}

    def add_folder(self, name):
        """With those that it is in, unless they are there."""
        if name not in self.folders:
            self.add_folder(os.path.dirname(name))
            self.folders.add(name)
            self.add(name, stat.S_IFDIR | 0o755)

    def add_program(self, name, content):
        self.add_folder(os.path.dirname(name))
        self.add(name, stat.S_IFREG | 0o755, content)

    def add(self, name, mode, content=b""):
        self.count += 1
        path = name.encode() + b"\0"
        fields = (self.count, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(path), 0)
        self.data += b"070701" + b"".join(b"%08x" % field for field in fields) + path
        self.data += bytes(-len(self.data) % 4) + content
        self.data += bytes(-len(self.data) % 4)

    def finish(self):
        self.add("TRAILER!!!", 0)
        return bytes(self.data)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("kernel", "first", "output"):
        parser.add_argument(name)
    parser.add_argument("--with", dest="beside", metavar="NAME=FILE", default="")
    parser.add_argument("module", nargs="*", default=WANTED)
    chosen = parser.parse_args()
    archive = Archive()
    for folder in ("bin", "dev", "proc", "sys", "modules"):
        archive.add_folder(folder)
    programs = [("init", chosen.first)]
    if chosen.beside:
        programs.append(chosen.beside.split("=", 1))
    for name, path in programs:
        with open(path, "rb") as file:
            archive.add_program(name, file.read())
    for name, data in ordered_modules(chosen.kernel, ["virtio_pci", *chosen.module]):
        archive.add_program("modules/" + name, data)
    with open(chosen.output + ".new", "wb") as file:
        file.write(archive.finish())
    os.replace(chosen.output + ".new", chosen.output)


if __name__ == "__main__":
    main()
