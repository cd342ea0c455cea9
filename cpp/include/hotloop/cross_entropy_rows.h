// What the kernels of the softmax cross entropy read and write.
#pragma once

#include "hotloop/common.h"

namespace hotloop {

// Row n of `logits` (or of `probs` in the backward) has K numbers, all arrays are contiguous.
// An id that is no class makes the loss and the gradient of its row NaN.
template <class T>
struct CrossEntropyRows {
    const T* logits = nullptr;
    const std::int64_t* ids = nullptr;  // one class a row, or null:
    const T* rows = nullptr;            // K weights of the classes a row
    const T* weights = nullptr;         // one a row, or null for ones
    T* probs = nullptr;                 // softmax of the logits; null when not wanted
    T* dlogits = nullptr;  // weight * scale * (probs * sum(t) - t); null when not wanted
    index_t K = 0;
    T scale = T{1};
    bool count_correct = false;
    bool stream = false;  // outputs go past the caches; then neither may be an input
};

}  // namespace hotloop
