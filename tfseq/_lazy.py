"""Names that a package hands on when they are first asked for (PEP 562)."""

import ast
import importlib
import sys
from collections.abc import Callable


def attach(package: str) -> tuple[Callable, Callable, list[str]]:
    """`__getattr__`, `__dir__` and `__all__` for a package whose names live in other modules.

    The names are listed once, as imports in the package's `if TYPE_CHECKING:`. A type checker takes
    those as they stand; here they are read from the source, and each is done when it is needed.

    Args:
        package: the package's `__name__`.
    """
    source = sys.modules[package].__spec__.loader.get_source(package)
    blocks = (node.body for node in ast.parse(source).body if isinstance(node, ast.If))
    home = {
        name.asname or name.name: (node.module, name.name)
        for block in blocks
        for node in block
        for name in node.names
    }

    def __getattr__(name: str):
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, attribute = home[name]
        if module == package:  # A package in this one.
            return importlib.import_module(f"{package}.{attribute}")
        return getattr(importlib.import_module(module), attribute)

    def __dir__() -> list[str]:
        return sorted({*vars(sys.modules[package]), *home})

    return __getattr__, __dir__, sorted(home)
