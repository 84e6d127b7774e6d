"""The network that ships: its own test images as inputs, and its accuracy."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

import numpy as np

from .run_flow import Ran
from .sources import Array, Model


def _is_demo(model: Model) -> bool:
    from ..models.digits import MODEL

    return model.source == MODEL


def demo_inputs(model: Model, args: Namespace) -> dict[str, Array]:
    """Test images for the network that ships, nothing for any other."""
    if not _is_demo(model) or args.shape:
        return {}
    from ..models.digits import load_test

    images, _ = load_test()
    batch = args.batch or 1
    return {"image": images[:batch]} if batch <= len(images) else {}


def print_accuracy(model: Model, ran: Ran) -> None:
    """Run all test images of the network that ships and print both accuracies."""
    if not _is_demo(model):
        return
    from ..models.digits import load_test
    from ..runtime.reference import Reference
    from .progress import progress_bar

    images, labels = load_test()
    batch = ran.session.program.inputs[0].shape[0]
    count = len(images) // batch * batch
    if not count:
        return
    session, found = ran.session, list[Array]()
    with progress_bar("test images") as progress:
        for low in range(0, count, batch):
            found.append(session.run(None, {"image": images[low : low + batch]})[0])
            if progress:
                progress(low + batch, count, "")
    machine = _best(np.concatenate(found))
    reference = _best(Reference(model.source).run({"image": images[:count]})["logits"])
    right = labels[:count]
    print(
        f"top-1 on {count} held-out images: float {(reference == right).mean():.1%}, "
        f"{session.program.target} {(machine == right).mean():.1%}; "
        f"they agree on {int((machine == reference).sum())} of {count}"
    )


def _best(logits: Any) -> Any:
    return logits.argmax(axis=1)
