"""Plugins that are installed for one server only: a folder on its PYTHONPATH."""

from pathlib import Path


def write_plugin(folder: Path, name: str, code: str) -> Path:
    """Write a module *name* with its distribution's metadata into *folder*; return the folder."""
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.py").write_text(code, "utf-8")
    metadata = folder / f"{name}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[mishkah]\n{name} = {name}\n")
    return folder
