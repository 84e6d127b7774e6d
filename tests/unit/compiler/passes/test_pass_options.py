"""Every pass writes itself in spcc-opt's syntax and reads that back."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spcc.compiler.passes import all_passes
from spcc.compiler.passes.attach_target import AttachTargetPass
from spcc.compiler.passes.prune_weights import SCHEMES, PruneWeightsPass
from spcc.isa.errors import PassError
from spcc.tools.targets import TARGETS
from xdsl.passes import ModulePass, PassPipeline

QUICK = settings(max_examples=100, deadline=None)
PASSES = all_passes()
ASSIGNMENT = st.from_regex(r"\A[A-Z]{1,6}=[a-z0-9-]{1,6}\Z")
OPTIONS: dict[str, st.SearchStrategy[ModulePass]] = {
    "attach-target": st.builds(
        AttachTargetPass,
        st.from_regex(r"\A[a-z][a-z0-9-]{0,9}\Z"),
        st.lists(ASSIGNMENT, max_size=3).map(";".join),
    ),
    "prune-weights": st.builds(
        PruneWeightsPass,
        st.sampled_from(sorted(SCHEMES)),
        st.floats(0, 1) | st.integers(0, 1),
        st.integers(1, 1 << 20),
    )
    | st.builds(PruneWeightsPass, st.just("threshold"), st.floats(0, 1e30)),
}


def reread(text: str) -> ModulePass:
    (only,) = PassPipeline.parse_spec(PASSES, text).passes
    return only


@pytest.mark.parametrize("name", PASSES)
@QUICK
@given(data=st.data())
def test_a_pass_reads_back_what_it_writes(name: str, data: st.DataObject):
    step = data.draw(OPTIONS.get(name, st.builds(PASSES[name]())))
    assert reread(str(step)) == step


@pytest.mark.parametrize("name", PASSES)
def test_a_pass_has_the_name_of_its_file_and_a_sentence(name: str):
    cls = PASSES[name]()
    assert cls.name == name
    assert cls.__module__.endswith(f".passes.{name.replace('-', '_')}")
    assert (cls.__doc__ or "").strip().endswith(".")


@pytest.mark.parametrize("target", TARGETS)
def test_a_targets_pipeline_is_known(target: str):
    compiler = TARGETS[target].compiler()
    passes = PassPipeline.parse_spec(all_passes(compiler.passes), compiler.pipeline).passes
    assert [step.name for step in passes][-2:] == [
        "convert-sparse-tensor-to-target",
        "insert-semaphores",
    ]
    assert all(name.startswith(f"{target}-") for name in compiler.passes)


def test_a_target_cannot_replace_a_pass():
    with pytest.raises(PassError, match="own pass 'tile' has the name of a pass of spcc"):
        all_passes({"tile": lambda: PruneWeightsPass})
    assert "toy-tile" in all_passes({"toy-tile": lambda: PruneWeightsPass})
