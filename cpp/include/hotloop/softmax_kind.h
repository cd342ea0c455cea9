// The functions that look along one axis; each kind is a row of the kernel table.
#pragma once

namespace hotloop {

// out = f(a), or out = f(dy, y) for the backwards, where y is the output of the forward.
enum class Softmax : int {
    softmax,               // exp(a) / sum(exp(a))
    log_softmax,           // a - log(sum(exp(a)))
    softmax_backward,      // y (dy - sum(dy y))
    log_softmax_backward,  // dy - exp(y) sum(dy)
    count
};

}  // namespace hotloop
