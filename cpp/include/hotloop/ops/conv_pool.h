// A convolution and the max-pool behind it in one pass over the images: what one hands the other,
// forward the images and backward their gradient, stays in the cache for a few images at a time.
#pragma once

#include "hotloop/ops/conv2d.h"
#include "hotloop/ops/pool2d.h"

namespace hotloop {

// pool.x is conv.y.
template <class T>
struct ConvPoolArgs {
    Conv2dArgs<T> conv;
    MaxPoolArgs<T> pool;
    bool keep = true;  // whether conv.y is wanted too; without, its contents are undefined
    template <class F>
    void inputs(F f) {
        conv.inputs(f);
    }
    bool forget(const void* array) {
        if (array != conv.y) return false;
        keep = false;
        return true;
    }
};

// conv.dy is pool.dx, whose contents are undefined afterwards.
template <class T>
struct ConvPoolBackwardArgs {
    MaxPoolBackwardArgs<T> pool;
    Conv2dBackwardArgs<T> conv;
    template <class F>
    void inputs(F f) {
        pool.inputs(f);
        f(conv.x);
        f(conv.w);
        f(conv.gate);
    }
};

// The same bits as the two ops one after the other.
template <class T>
void conv_pool(const ConvPoolArgs<T>& args);
template <class T>
void conv_pool_backward(const ConvPoolBackwardArgs<T>& args);

}  // namespace hotloop
