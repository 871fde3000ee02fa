"""A trained network's weights in a safetensors file that says how to build the network."""

import json
from pathlib import Path

from safetensors.torch import save_file

from trickbag.records.files import write_whole
from trickbag.train.evaluation import evaluated_network
from trickbag.train.session import Session


def save_weights(path: Path, session: Session) -> None:
    """Keep the network that a session evaluates: weights, and in the metadata its recipe, classes and normalisation.

    All processes of a run call it, since an average is estimated by all; rank 0 writes.
    """
    with session.autocast:  # as at evaluation: an average may estimate its batch-norm statistics here
        network = evaluated_network(session)
    if not session.world.is_rank_zero:
        return
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    resolved = session.resolved
    about = {
        "model": json.dumps(resolved.recipe.plain()["model"]),
        "classes": json.dumps(resolved.images.classes),
        "in_channels": str(resolved.in_channels),
        "mean": json.dumps(session.store.mean.tolist()),
        "sd": json.dumps(session.store.sd.tolist()),
    }
    write_whole(path, lambda temporary: save_file(tensors, temporary, metadata=about))
