"""toydot, a dense dot-product engine: the target that docs/adding-a-target.md walks through."""

from spcc.tools.targets import Target, part

TARGET = Target(
    "toydot",
    "dense dot-product engine, the example of docs/adding-a-target.md",
    isa=part("toydot.isa", "ISA"),
    spec=part("toydot.isa", "ToydotSpec"),
    compiler=part("toydot.compiler", "COMPILER"),
    machine=part("toydot.machine", "MACHINE"),
)
