"""An engine in a process of its own, to be killed: `engineprocess.py ROOT IMAGES CGROUP STORY`.

Prints a word when the story has come to the point where the test wants to kill it.
"""

import asyncio
import sys
from pathlib import Path

from wherry import engine as engines
from wherry.engine.interface import ContainerSpec, SandboxSpec


async def main(root: Path, images: Path, group: str, story: str) -> None:
    engine = await engines.open(root, images)
    image = engine.images.find("busybox")
    assert image is not None

    async def start(name: str, *command: str) -> None:
        log = str(root.parent / "logs" / f"{name}.log")
        await engine.create(ContainerSpec(name, "box", "main", image.id, command=command, log_path=log))
        await engine.start(name)

    await engine.create_sandbox(SandboxSpec("box", "box", None, f"{group}/box"))
    if story == "running":
        await start("long", "sh", "-c", "while [ ! -e /dev/shm/end ]; do sleep 0.02; done; echo last words; exit 5")
        await start("short", "sh", "-c", "while [ ! -e /dev/shm/short ]; do sleep 0.02; done; exit 6")
        print("ready", flush=True)
    else:  # start containers until killed
        print("ready", flush=True)
        for number in range(1000):
            await asyncio.gather(*(start(f"c{number}-{n}", "sleep", "1000") for n in range(3)))
    await asyncio.sleep(1000)


asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4]))
