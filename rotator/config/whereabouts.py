"""Where are the books, and which keys open them? The `state` block alone, for commands that only look into them."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from rotator.config.files import open_source
from rotator.config.problems import Problems, Spot
from rotator.config.settings import State
from rotator.errors import ConfigError
from rotator.references import ALLOW_LITERALS, FOLDER


def load_state(path: str | Path, *, allow_literal_secrets: bool = False) -> State:
    """The block, whatever else the file says. Raises ConfigError for mistakes in it, or when there is no file."""
    problems = Problems()
    source = open_source(Path(path), problems)
    document = source.read(problems, leave_out="rotations") if source is not None else None
    problems.stop()
    block = document.get("state") if document is not None else None
    context = {ALLOW_LITERALS: allow_literal_secrets, FOLDER: str(Path(path).parent)}
    try:
        return State.model_validate({} if block is None else block, context=context)
    except ValidationError as exc:
        if document is not None:
            problems.blame(Spot(document) / "state", State, exc)
        raise ConfigError(problems.lines()) from None
