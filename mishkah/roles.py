"""Roles as files bring them: our own ready-made ones, those of modules, and the installation's."""

from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable

from mishkah.core.access import Access, Role, bound, check_access, joined
from mishkah.core.errors import Finding
from mishkah.jsonfile import PACKAGED, BadFile, parse_json, shape

ACCESS = "access.json"
"""In the data folder, and in the folder of a module's package."""
READY_MADE = "roles.json"


def read_access(name: str, content: bytes) -> Access:
    """Return the roles of the file *name*. Raises BadFile with everything that is wrong in it."""
    access = shape(name, parse_json(name, content), Access)
    if problems := [Finding(name, *problem) for problem in check_access(access)]:
        raise BadFile(*problems)
    return access


def ready_made(packages: Mapping[str, Traversable]) -> Mapping[str, Role]:
    """Return our roles and those of *packages* (module → folder), each for its module alone.

    In a role that both have, the module's rules come first. Raises BadFile.
    """
    ours = files("mishkah").joinpath(READY_MADE)
    roles: Mapping[str, Role] = read_access(READY_MADE, ours.read_bytes()).roles
    for module, folder in packages.items():
        file = folder.joinpath(ACCESS)
        if file.is_file():
            brought = read_access(f"{module}{PACKAGED}{ACCESS}", file.read_bytes()).roles
            roles = joined({name: bound(role, module) for name, role in brought.items()}, roles)
    return roles
