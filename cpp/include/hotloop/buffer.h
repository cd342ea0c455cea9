// Scratch memory: one growing block per thread and purpose, kept for the next call, so that a
// training step allocates nothing after its first batch.
#pragma once

#include <cstddef>
#include <new>

#include "hotloop/common.h"
#include "hotloop/size.h"

namespace hotloop {

// At least `bytes` bytes, which become what was got, for std::free; aligned to 64. From 2 MB on
// huge pages, where the system has them: on small ones each row of a large matrix is another page,
// and its address is looked up anew. Throws std::bad_alloc.
void* allocate(std::size_t& bytes);

// What the block is for. Two blocks that live at the same time on one thread need two purposes.
enum class Scratch {
    packed_a,     // rows of a product's left side, apart
    packed_b,     // panels of a product's right side
    split_k,      // a product's sums over either half of k
    padded,       // images in their frame of zeros
    partial,      // partial sums of a reduction
    stretch,      // the sums over one stretch of a long reduction
    totals,       // those over all stretches, in double
    bias,         // the sums of one piece for a bias
    patches,      // im2col
    stage,        // what a convolution and a pool hand each other, a few images at a time
    images,       // an input in the other layout
    images_out,   // an output in the other layout
    weights,      // kernels in the other layout
    weights_out,  // their gradient
    sequence,     // a recurrent layer's input or its gradient, time first
    gates,        // the gradients of its gates
    states,       // those of its states
    panels,       // its recurrent kernel, packed for all steps
    count
};

// At least `bytes` bytes, aligned to 64, contents undefined, valid until this thread asks for the
// same purpose again. Throws std::bad_alloc.
void* scratch_bytes(Scratch purpose, std::size_t bytes);

template <class T>
T* scratch(Scratch purpose, index_t count) {
    if (count > kMostElements) throw std::bad_alloc();
    return static_cast<T*>(scratch_bytes(purpose, static_cast<std::size_t>(count) * sizeof(T)));
}

}  // namespace hotloop
