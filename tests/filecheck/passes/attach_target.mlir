// RUN: spcc-opt %s -p 'attach-target{target=spots}' | filecheck %s
// RUN: spcc-opt %s -p 'attach-target{target=spots set="NR=64;POLICY=best; psh=3 "}' | filecheck %s --check-prefix SET
// RUN: spcc-opt %s -p 'attach-target{target=spots set="NR=64"},attach-target{target=spots}' | filecheck %s

// The whole configuration stands in the module, defaults included; a parameter without a value is there, too.
// CHECK: builtin.module attributes {spcc.target = "spots", spcc.config = {B = 0 : i64, L = 0 : i64,
// CHECK-SAME: NR = 128 : i64, {{.*}}POLICY = "paper", {{.*}}psh}}
// SET: builtin.module attributes {spcc.target = "spots", spcc.config = {
// SET-SAME: NR = 64 : i64, {{.*}}POLICY = "best", {{.*}}psh = 3 : i64}}
func.func @main() {
  func.return
}
