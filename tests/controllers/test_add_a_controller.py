"""The controller of docs/how-to/add-a-controller.md works as it stands there."""

import re
import sys
from pathlib import Path
from types import ModuleType

from story import world

from wherry.api.kinds import CONFIG_MAP, NAMESPACE

GUIDE = Path(__file__).parents[2] / "docs/how-to/add-a-controller.md"


def load():
    """The guide's code as the modules that it names."""
    codes = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    package = ModuleType("wherry.controllers.hello")
    package.__path__ = []
    sys.modules["wherry.controllers.hello"] = package
    for name, code in zip(("plan", "controller"), codes, strict=True):
        module = ModuleType(f"wherry.controllers.hello.{name}")
        sys.modules[module.__name__] = module
        setattr(package, name, module)
        exec(compile(code, f"{GUIDE}:{name}", "exec"), module.__dict__)
    return package.controller.HelloController


async def test_the_guides_controller_greets():
    factory = load()
    try:
        async with world(nodes=0, factories=(factory,)) as w:
            await w.create(NAMESPACE, {"metadata": {"name": "demo", "labels": {"greeted": "yes"}}})

            async def greeted():
                return await w.exists(CONFIG_MAP, "hello", "demo")

            await w.until(greeted)
            await w.client.delete(CONFIG_MAP, "hello", "demo")
            await w.until(greeted)
            await w.patch(NAMESPACE, "demo", {"metadata": {"labels": {"greeted": None}}})
            await w.settle()
            assert not await greeted()
    finally:
        for name in [name for name in sys.modules if name.startswith("wherry.controllers.hello")]:
            del sys.modules[name]
