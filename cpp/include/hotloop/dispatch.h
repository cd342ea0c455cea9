// The kernels of one instruction set as tables of function pointers, with the tuning numbers that
// belong to them beside them; and the choice of the set, made once at start.
#pragma once

#include <string>
#include <vector>

#include "hotloop/common.h"
#include "hotloop/element.h"
#include "hotloop/elementwise_kind.h"
#include "hotloop/pointwise_kind.h"
#include "hotloop/softmax_kind.h"

namespace hotloop {

template <class T>
struct GemmArgs;
template <class T>
struct CrossEntropyRows;

// Every topic's table for both element types.
template <template <class> class Table>
struct KernelSet {
    Table<float> f32;
    Table<double> f64;
};

template <class T>
struct GemmKernels {
    int tile_rows;
    int tile_cols;
    int vector_size;
    // Limits of blocks, measured with bench_gemm.py.
    int panel_eighths;  // of the first-level cache that a panel of B fills
    int pack_b_rows;    // rows of A from which on a panel of B is worth a copy
    int pack_a_panels;  // panels of B from which on a block of A is,
    int pack_a_bytes;   // if its rows lie so far apart or further; always if its columns are
                        // contiguous
    // Rows [m0, m1) and columns [n0, n1) of C; n0 a multiple of tile_cols.
    void (*gemm)(const GemmArgs<T>&, index_t m0, index_t m1, index_t n0, index_t n1);
    // The same where rows of B lie far apart and those of A equally far, in one segment of at most
    // a run: copies B to `panels` as it goes. They are all left there with `keep`, as `pack` would
    // leave them; else there is room for two.
    void (*gemm_packing)(
        const GemmArgs<T>&, index_t m0, index_t m1, index_t n0, index_t n1, T* panels, bool keep);
    // Panels of tile_cols columns, k rows each, zeros beyond n: b(k, n) at b[k * row_stride + n].
    void (*pack)(const T* b, index_t row_stride, index_t n, index_t k, T* out);
    // The same panels from the transpose: b(k, n) at b[n * row_stride + k].
    void (*pack_transposed)(const T* b, index_t row_stride, index_t n, index_t k, T* out);
    // Rows [m0, m1) of an A with contiguous rows or columns, for gemm over the same rows with
    // a_packed: a tile after the other, its numbers in the order of their use. (m1 - m0) * k
    // numbers at `out`, where one vector more may be written.
    void (*pack_a)(const GemmArgs<T>& g, index_t m0, index_t m1, T* out);
};

// One side of a product is a vector.
template <class T>
struct MatvecKernels {
    // y[j] = sum over i < k of x[i * x_step] * b[i * b_stride + j] for j < n, i ascending; k >= 1.
    void (*combine)(
        const T* x, index_t x_step, const T* b, index_t b_stride, index_t k, index_t n, T* y);
    // y[i] = sum over j < k of a[i * a_stride + j] * x[j] for i < rows; any k.
    void (*dots)(const T* a, index_t a_stride, index_t rows, const T* x, index_t k, T* y);
};

template <class T>
struct ReduceKernels {
    // out[c] = sum over r < rows of x[r * stride + c] for c < cols; even and odd rows added apart.
    void (*sum_rows)(const T* x, index_t rows, index_t stride, index_t cols, T* out);
    // The same for the other kinds; rows > 0.
    void (*down_rows)(
        Reduction kind, const T* x, index_t rows, index_t stride, index_t cols, T* out);
    // out[r] of the n > 0 contiguous numbers of row r.
    void (*along_rows)(Reduction kind, const T* x, index_t rows, index_t n, T* out);
};

template <class T>
struct LayoutKernels {
    // y[c * y_stride + r] = x[r * x_stride + c], y apart from x.
    void (*transpose)(
        const T* x, index_t x_stride, index_t rows, index_t cols, T* y, index_t y_stride);
};

template <class T>
struct PointwiseKernels {
    // y = f(x) and z = f(a, b) by kind; the output may be an input. alpha for the kinds that have
    // one. With `stream` an output goes past the caches.
    void (*unary[static_cast<int>(Unary::count)])(
        const T* x, T* y, index_t n, T alpha, bool stream);
    void (*binary[static_cast<int>(Binary::count)])(
        const T* a, const T* b, T* z, index_t n, T alpha, bool stream);
};

// An operand's elements lie side by side (step 1), or one stands for all (step 0). Outputs may be
// exactly an operand; with `stream` they are apart and go past the caches.
template <class T>
struct ElementwiseKernels {
    void (*function)(Function kind, const T* x, index_t step, T* y, index_t n, bool stream);
    // Not for Arithmetic::power.
    void (*arithmetic)(Arithmetic kind,
                       const T* a,
                       index_t a_step,
                       const T* b,
                       index_t b_step,
                       T* z,
                       index_t n,
                       bool stream);
    void (*comparison)(Comparison kind,
                       const T* a,
                       index_t a_step,
                       const T* b,
                       index_t b_step,
                       std::uint8_t* z,
                       index_t n);
    void (*where)(const std::uint8_t* condition,
                  index_t condition_step,
                  const T* a,
                  index_t a_step,
                  const T* b,
                  index_t b_step,
                  T* z,
                  index_t n);
};

template <class T>
struct ConvRowsArgs;
template <class T>
struct ConvRowsWeightsArgs;

template <class T>
struct ConvRowsKernels {
    int vectors;  // of columns that a call takes at most
    // KW 3 or 5, windows one pixel apart.
    void (*forward)(const ConvRowsArgs<T>& args);
    void (*weights)(const ConvRowsWeightsArgs<T>& args);
    // The same with two pixels a vector, or null: one channel, half a vector of columns, OW even.
    void (*pairs_forward)(const ConvRowsArgs<T>& args);
    void (*pairs_weights)(const ConvRowsWeightsArgs<T>& args);
};

template <class T>
struct DepthwiseArgs;

template <class T>
struct DepthwiseKernels {
    void (*forward)(const DepthwiseArgs<T>& args);
    void (*weights)(const DepthwiseArgs<T>& args);
};

// The numbers of an optimizer step, in the type of its arrays.
template <class T>
struct UpdateNumbers {
    T lr, decay;          // decay = lr * weight_decay
    T momentum, rest1;    // also rho and beta1; rest1 = 1 - momentum
    T beta2, rest2, eps;  // rest2 = 1 - beta2
    bool nesterov;
};

template <class T>
struct UpdateKernels {
    void (*sgd)(const UpdateNumbers<T>&, index_t n, const T* grad, T* param);
    void (*momentum)(const UpdateNumbers<T>&, index_t n, const T* grad, T* param, T* velocity);
    void (*adagrad)(const UpdateNumbers<T>&, index_t n, const T* grad, T* param, T* accumulator);
    void (*rmsprop)(const UpdateNumbers<T>&, index_t n, const T* grad, T* param, T* square);
    void (*adam)(const UpdateNumbers<T>&, index_t n, const T* grad, T* param, T* m, T* v);
};

// Rows `indices` (or rows 0, 1, ...) of src, row_stride bytes apart, `row` elements each.
struct GatherRows {
    Element element;
    const void* src;
    const std::int64_t* indices;
    index_t row_stride, count, row;
    double scale, offset;
};

template <class T>
struct GatherKernels {
    // out (count, row) = src * scale + offset; scale 1 and offset 0 only cast.
    void (*rows)(const GatherRows&, T* out);
};

template <class T>
struct SoftmaxKernels {
    // By kind: n rows of K contiguous numbers; columns of a plane (K, inner), `cols` of them.
    // b is null in the forwards; out is apart from a and b. With `stream` it may go past the
    // caches.
    void (*rows[static_cast<int>(Softmax::count)])(
        const T* a, const T* b, T* out, index_t n, index_t K, bool stream);
    void (*columns[static_cast<int>(Softmax::count)])(
        const T* a, const T* b, T* out, index_t K, index_t inner, index_t cols);
};

template <class T>
struct CrossEntropyKernels {
    // Rows [begin, end): the sum of their weighted losses, and how many are right where that is
    // asked for; probs and dlogits by the way.
    void (*forward)(const CrossEntropyRows<T>&,
                    index_t begin,
                    index_t end,
                    double* loss,
                    std::int64_t* correct);
    // dlogits from probs.
    void (*backward)(const CrossEntropyRows<T>&, index_t begin, index_t end);
};

// What is summed over outputs y and targets t, its slope by y, and what `parameter` is:
enum class ElementLoss {
    squared_error,         // d^2 with d = y - t; slope d, half of the derivative
    absolute_error,        // |d|; sign(d)
    huber,                 // d^2 / 2 up to |d| = parameter, then parameter (|d| - parameter / 2)
    binary_cross_entropy,  // of logits y, for t (1 - parameter) + parameter / 2
};

template <class T>
struct ElementLossRun {
    const T* y;
    const T* t;
    const T* weights;  // one an element, or null for ones
    T* dy;             // slope * scale * weight, or null
    index_t n;
    T parameter;
    T scale;
};

template <class T>
struct LossKernels {
    // The weighted sum over n elements.
    double (*elements)(ElementLoss kind, const ElementLossRun<T>& run);
    double (*cross_entropy)(const T* p, const T* t, index_t n, T eps);  // of -t log(p + eps)
    void (*cross_entropy_backward)(const T* p, const T* t, T* dp, index_t n, T eps, T scale);
    double (*dot)(const T* x, const T* t, index_t n);
    void (*scaled)(const T* x, T* y, index_t n, T scale);  // y = scale * x
};

template <class T>
struct PoolArgs;
template <class T>
struct PoolBackwardArgs;

// Channels last. Forward: output rows [begin, end) of N * OH. Backward: channels [c0, c1) of image
// n.
template <class T>
struct PoolKernels {
    void (*max)(const PoolArgs<T>&, index_t begin, index_t end);
    void (*max_backward)(const PoolBackwardArgs<T>&, index_t n, index_t c0, index_t c1);
    void (*mean)(const PoolArgs<T>&, index_t begin, index_t end);
    void (*mean_backward)(const PoolBackwardArgs<T>&, index_t n, index_t c0, index_t c1);
};

// By planes. Forward: output rows [begin, end) of planes * OH. Backward: planes [begin, end).
template <class T>
struct PoolPlaneKernels {
    void (*max)(const PoolArgs<T>&, index_t begin, index_t end);
    void (*max_backward)(const PoolBackwardArgs<T>&, index_t begin, index_t end);
    void (*mean)(const PoolArgs<T>&, index_t begin, index_t end);
    void (*mean_backward)(const PoolBackwardArgs<T>&, index_t begin, index_t end);
    T (*sum)(const T* x, index_t n);
};

// Normalisation. `rows` functions work on (rows, C) with contiguous rows (stride apart where
// given), `plane` functions on n contiguous numbers of one channel.
template <class T>
struct NormKernels {
    // The block's own mean as T has it, and the sums of x - mean and of its square.
    void (*moments_rows)(
        const T* x, index_t rows, index_t stride, index_t cols, T* mean, T* rest, T* squares);
    void (*moments_plane)(const T* x, index_t n, T* mean, T* rest, T* squares);
    // y = (x - mean) * scale + shift over n elements of whole rows. An array of one number a
    // channel repeats with C up to C + 16 numbers. With `stream` the output, which is apart from
    // the inputs then, goes past the caches; so below.
    void (*map_rows)(const T* x,
                     index_t n,
                     index_t C,
                     const T* mean,
                     const T* scale,
                     const T* shift,
                     T* y,
                     bool stream);
    void (*map_plane)(const T* x, index_t n, T mean, T scale, T shift, T* y, bool stream);
    // sum = sum of dy, dot = sum of dy * (x - mean)
    void (*dots_rows)(const T* dy,
                      const T* x,
                      index_t rows,
                      index_t stride,
                      index_t cols,
                      const T* mean,
                      T* sum,
                      T* dot);
    void (*dots_plane)(const T* dy, const T* x, index_t n, T mean, T* sum, T* dot);
    // dx = a * dy + b * (x - mean) + c; dx may be dy. Arrays as in map_rows.
    void (*back_rows)(const T* dy,
                      const T* x,
                      index_t n,
                      index_t C,
                      const T* mean,
                      const T* a,
                      const T* b,
                      const T* c,
                      T* dx,
                      bool stream);
    void (*back_plane)(
        const T* dy, const T* x, index_t n, T mean, T a, T b, T c, T* dx, bool stream);
    // Rows of K normalised each; backward also sums dgamma and dbeta over its rows.
    void (*layer)(const T* x,
                  index_t rows,
                  index_t K,
                  const T* gamma,
                  const T* beta,
                  double eps,
                  T* y,
                  T* mean,
                  T* inv_std,
                  bool stream);
    void (*layer_backward)(const T* dy,
                           const T* x,
                           index_t rows,
                           index_t K,
                           const T* gamma,
                           const T* mean,
                           const T* inv_std,
                           T* dx,
                           T* dgamma,
                           T* dbeta,
                           bool stream);
};

// Dropout. The mask is 1 where word i % 4 of Philox4x32-10 at counter (i / 4, offset) is at least
// `threshold` << 8.
struct DropoutStream {
    std::uint64_t seed, offset;
    std::uint32_t threshold;  // 0 to 2^24
};

template <class T>
struct DropoutKernels {
    // Elements [first, first + n); first a multiple of 64.
    void (*mask)(const DropoutStream&, index_t first, index_t n, std::uint8_t* mask);
    // y = mask ? x * scale : 0; y may be x. With `stream` it goes past the caches.
    void (*apply)(const T* x, const std::uint8_t* mask, index_t n, T scale, T* y, bool stream);
};

// One row of a recurrent cell at a time: n numbers, and the gates n apart (ops/recurrent.h).
template <class T>
struct RecurrentKernels {
    void (*add_product)(const T* a, const T* b, T* out, index_t n);      // out += a * b
    void (*mix)(const T* z, const T* a, const T* b, T* out, index_t n);  // z * a + (1 - z) * b
    // out = dy * act'(y), from the activation's output; out may be dy.
    void (*gradient)(Activation kind, const T* dy, const T* y, T* out, index_t n);
    // dz (4 n) of the gates, and dc becomes that of the cell before.
    void (*lstm_backward)(Activation act,
                          Activation gates,
                          const T* dh,
                          const T* row,
                          const T* c_before,
                          T* dz,
                          T* dc,
                          index_t n);
    // The parts z and g of dz (3 n); dh becomes what goes past the gates to the state before.
    void (*gru_backward)(
        Activation act, Activation gates, const T* row, const T* h_before, T* dz, T* dh, index_t n);
    // dr = d * other * gate'(r); out = d * r, or more by it with `add`.
    void (*gru_reset)(Activation gates,
                      const T* d,
                      const T* r,
                      const T* other,
                      T* dr,
                      T* out,
                      bool add,
                      index_t n);
};

template <class T>
struct ProbeKernels {
    int flops_a_round;
    T (*fma_chain)(index_t rounds);
    void (*triad)(const T* b, const T* c, T* a, index_t n);
};

// One row per topic; CONTRIBUTING.md lists what a new one needs.
#define HOTLOOP_KERNEL_TOPICS(X)          \
    X(gemm, GemmKernels)                  \
    X(matvec, MatvecKernels)              \
    X(conv_rows, ConvRowsKernels)         \
    X(depthwise, DepthwiseKernels)        \
    X(reduce, ReduceKernels)              \
    X(pointwise, PointwiseKernels)        \
    X(elementwise, ElementwiseKernels)    \
    X(softmax, SoftmaxKernels)            \
    X(cross_entropy, CrossEntropyKernels) \
    X(loss, LossKernels)                  \
    X(layout, LayoutKernels)              \
    X(update, UpdateKernels)              \
    X(gather, GatherKernels)              \
    X(pool, PoolKernels)                  \
    X(pool_planes, PoolPlaneKernels)      \
    X(norm, NormKernels)                  \
    X(dropout, DropoutKernels)            \
    X(recurrent, RecurrentKernels)        \
    X(probe, ProbeKernels)

template <class T>
struct Kernels {
#define HOTLOOP_MEMBER(topic, Table) const Table<T>* topic;
    HOTLOOP_KERNEL_TOPICS(HOTLOOP_MEMBER)
#undef HOTLOOP_MEMBER
};

// The table in use. Chosen by HOTLOOP_ISA or, without it, the best that the processor and the
// operating system support.
template <class T>
const Kernels<T>& kernels();

const char* isa_in_use();
std::vector<std::string> isa_available();

// Throws std::runtime_error when HOTLOOP_ISA names a set that is unknown or not supported here.
void select_isa();

}  // namespace hotloop
