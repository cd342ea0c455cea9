// A number that a recorded step reads anew at each run, or that is fixed.
#pragma once

namespace hotloop {

template <class V>
struct Scalar {
    V value{};
    const V* live = nullptr;
    V get() const { return live ? *live : value; }
};

}  // namespace hotloop
