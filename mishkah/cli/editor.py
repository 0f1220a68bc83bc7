"""`mishkah-trio editor`: help for whoever writes the configuration by hand."""

from pathlib import Path

import rich_click as click

from mishkah.cli.trouble import trouble


@click.command()
@click.option("--into", type=click.Path(path_type=Path), default=Path("data/schemas"),
              show_default=True, help="The folder that takes the JSON Schemas.")  # fmt: skip
def editor(into: Path) -> None:
    """Write a JSON Schema for each kind of configuration file.

    Name it in a file's "$schema", as the sample installation does, and an editor completes keys and
    marks mistakes.
    """
    from mishkah.editor import editor_schemas

    with trouble():
        into.mkdir(parents=True, exist_ok=True)
        for name, content in editor_schemas().items():
            (into / name).write_bytes(content)
            click.echo(into / name)
