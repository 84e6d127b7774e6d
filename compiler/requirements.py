"""What a pass needs from the passes before it, said in a sentence where it is missing."""

from ..isa.errors import PassError


def require(holds: bool, message: str, where: str, first: str) -> None:
    """Refuse IR that another pass must have worked on.

    Args:
        holds: Whether it has.
        message: What is missing.
        where: The layer, or the pass.
        first: The pass that must run first.

    Raises:
        PassError: It has not.
    """
    if not holds:
        raise PassError(message, where, f"run {first} first")
