// C = act(A B + bias): every matrix product of the library, in any transposition.
#pragma once

#include "hotloop/common.h"

namespace hotloop {

// A is (m, k), B is (k, n), C is (m, n) with contiguous rows, apart from A and B in memory.
// A may have any strides; B has row or column stride 1.
template <class T>
struct Product {
    index_t m = 0;
    index_t n = 0;
    index_t k = 0;
    const T* a = nullptr;
    index_t a_row_stride = 0;
    index_t a_col_stride = 1;
    const T* b = nullptr;
    index_t b_row_stride = 0;
    index_t b_col_stride = 1;
    T* c = nullptr;
    index_t c_row_stride = 0;
    const T* bias = nullptr;  // (n), or none
    Activation activation = Activation::none;
    const T* gate = nullptr;  // (m, n) as C: C *= act'(gate); not together with activation
    Activation gate_kind = Activation::none;
};

// Overwrites C. k = 0 gives act(bias) or zeros. Threads and blocks by shape; the same bits always.
template <class T>
void product(const Product<T>& p);

}  // namespace hotloop
