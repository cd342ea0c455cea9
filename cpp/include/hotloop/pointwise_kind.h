// The elementwise functions; each kind is a row of the kernel table.
#pragma once

#include "hotloop/common.h"

namespace hotloop {

// y = f(x), with alpha for leaky_relu and elu.
enum class Unary : int {
    identity,
    step,        // 1 where x > 0, else 0
    relu,        // max(x, 0), NaN for NaN
    leaky_relu,  // x where x > 0, else alpha x
    elu,         // x where x > 0, else alpha (exp(x) - 1)
    gelu,        // x Phi(x)
    sigmoid,
    tanh,
    count
};

// z = f(a, b). In a backward a is dy and b is y, the output of the forward; for gelu b is x.
enum class Binary : int {
    relu_backward,
    leaky_relu_backward,
    elu_backward,
    gelu_backward,
    sigmoid_backward,
    tanh_backward,
    scaled_difference,          // alpha (a - b): gradient of the squared error
    scaled_sigmoid_difference,  // alpha (sigmoid(a) - b): gradient of the binary cross entropy
    count
};

// The backward of an activation that an epilogue can apply: relu, sigmoid or tanh.
inline Binary backward_of(Activation kind) {
    return kind == Activation::relu      ? Binary::relu_backward
           : kind == Activation::sigmoid ? Binary::sigmoid_backward
                                         : Binary::tanh_backward;
}

}  // namespace hotloop
