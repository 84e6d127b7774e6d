"""Keep a function's type in step with its arguments and results."""

from xdsl.dialects.builtin import FunctionType
from xdsl.dialects.func import FuncOp


def update_signature(main: FuncOp) -> None:
    """Make the function type follow its arguments and what it returns."""
    terminator = main.body.block.last_op
    assert terminator is not None
    main.properties["function_type"] = FunctionType.from_lists(
        [argument.type for argument in main.body.block.args],
        [value.type for value in terminator.operands],
    )
