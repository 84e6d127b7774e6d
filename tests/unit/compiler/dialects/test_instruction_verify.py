"""Ops of instructions: in the midst of a module one is verified as thoroughly as at its end."""

import pytest
from spcc.compiler.dialects.target import InstructionOp, instruction_ops
from spcc.isa.base import Halt, Ld
from spcc.isa.targets.sparten import ISA, Asg
from xdsl.dialects.builtin import DenseArrayBase, IntegerAttr, ModuleOp, StringAttr, i64
from xdsl.ir import Attribute
from xdsl.utils.exceptions import DiagnosticException

OPS = instruction_ops(ISA)


def numbers(*values: int) -> DenseArrayBase:
    return DenseArrayBase.from_list(i64, values)


def an_op() -> InstructionOp:
    asg = Asg(daddr=64, lo=0, hi=3, nf=4, z=1, half=1, wait=(1, 2), signal=(3,))
    return OPS[Asg].of(asg, layer=7)


def verify_in_the_midst(op: InstructionOp) -> None:
    ModuleOp([OPS[Halt].of(Halt()), op, OPS[Halt].of(Halt())]).verify()


def test_a_legal_op_passes() -> None:
    verify_in_the_midst(an_op())


@pytest.mark.parametrize(
    ("name", "attribute"),
    [
        ("nf", IntegerAttr(1 << 8, i64)),
        ("nf", IntegerAttr(-1, i64)),
        ("nf", StringAttr("3")),
        ("nf", None),
        ("surplus", IntegerAttr(0, i64)),
        ("layer", IntegerAttr(-1, i64)),
        ("layer", StringAttr("seven")),
        ("wait", numbers(0)),
        ("wait", numbers(32)),
        ("wait", numbers(1, 1)),
        ("signal", numbers(1, 2, 3, 4)),
        ("signal", IntegerAttr(1, i64)),
    ],
)
def test_everything_else_is_refused(name: str, attribute: Attribute | None) -> None:
    op = an_op()
    if attribute is None:
        del op.properties[name]
    else:
        op.properties[name] = attribute
    with pytest.raises(DiagnosticException, match="does not verify"):
        verify_in_the_midst(op)


def test_an_op_with_operands_is_refused() -> None:
    source = OPS[Ld].create(result_types=[i64])
    op = OPS[Halt].create(operands=[source.results[0]])
    with pytest.raises(DiagnosticException, match="does not verify"):
        verify_in_the_midst(op)
