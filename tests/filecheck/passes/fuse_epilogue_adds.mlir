// RUN: spcc-opt %s -p "fuse-epilogue{residual=false}" --split-input-file | filecheck %s

// A machine whose sums take no residual keeps the add as a layer; what clips still fuses, into the add too.
// CHECK-LABEL: func.func @main(
// CHECK-NEXT:    %a = sparse_tensor.elementwise %x {{.*}}clip = [0.000000e+00 : f64
// CHECK-NEXT:    %t = sparse_tensor.elementwise %a residual %x : tensor<2x3xf32> {{{.*}}nodes = ["s", "t"], {{.*}}clip = [0.000000e+00 : f64
// CHECK-NEXT:    func.return
func.func @main(%x: tensor<2x3xf32>) -> (tensor<2x3xf32>) {
  %a = sparse_tensor.elementwise %x {nodes = ["a"], tensor = "a", op_type = "Relu", placement = "native", clip = [0.0 : f64, 0x7ff0000000000000 : f64]} : tensor<2x3xf32> -> tensor<2x3xf32>
  %s = sparse_tensor.elementwise %a residual %x : tensor<2x3xf32> {nodes = ["s"], tensor = "s", op_type = "Add", placement = "native"} : tensor<2x3xf32> -> tensor<2x3xf32>
  %t = sparse_tensor.elementwise %s {nodes = ["t"], tensor = "t", op_type = "Relu", placement = "native", clip = [0.0 : f64, 0x7ff0000000000000 : f64]} : tensor<2x3xf32> -> tensor<2x3xf32>
  func.return %t : tensor<2x3xf32>
}
