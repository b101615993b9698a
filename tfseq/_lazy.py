"""Names that a package hands on when they are first asked for (PEP 562)."""

import importlib
import sys
from collections.abc import Callable


def attach(package: str, home: dict[str, str]) -> tuple[Callable, Callable, list[str]]:
    """`__getattr__`, `__dir__` and `__all__` for a package whose names live in other modules.

    Args:
        package: the package's `__name__`.
        home: public name -> module that defines it; a name that is its own module's last part
            stands for the module itself.
    """

    def __getattr__(name: str):
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = importlib.import_module(home[name])
        return module if home[name] == f"{package}.{name}" else getattr(module, name)

    def __dir__() -> list[str]:
        return sorted({*vars(sys.modules[package]), *home})

    return __getattr__, __dir__, sorted(home)
