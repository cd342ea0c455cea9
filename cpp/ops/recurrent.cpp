#include "hotloop/ops/recurrent.h"

#include <algorithm>

#include "hotloop/buffer.h"
#include "hotloop/dispatch.h"
#include "hotloop/gemm_args.h"
#include "hotloop/long_sums.h"
#include "hotloop/ops/product.h"
#include "hotloop/ops/reduce.h"
#include "hotloop/parallel.h"
#include "hotloop/pointwise_kind.h"

namespace hotloop {
namespace {

// Samples that one task takes through all steps: no thread waits for another between two steps. By
// shape alone, so that no bit depends on the number of threads.
constexpr index_t kRows = 16;

template <class T>
void copy(const T* from, T* to, index_t n) {
    std::copy_n(from, n, to);
}

template <class T>
void zero(T* to, index_t n) {
    std::fill_n(to, n, T{0});
}

// A factor of a product in each step, packed once: B (k, n), or the transpose of what lies there.
template <class T>
struct Packed {
    const T* panels;
    index_t k, n;

    static index_t room(index_t k, index_t n) {
        const index_t cols = kernels<T>().gemm->tile_cols;
        return ceil_div(n, cols) * cols * k;
    }
    static Packed pack(const T* b, index_t row_stride, index_t k, index_t n, bool turned, T* to) {
        const GemmKernels<T>& kernel = *kernels<T>().gemm;
        (turned ? kernel.pack_transposed : kernel.pack)(b, row_stride, n, k, to);
        return {to, k, n};
    }
    // c (m, n) = [c +] a (m, k) times this [+ bias]; runs of k as in every product.
    void times(const T* a,
               index_t a_stride,
               index_t m,
               T* c,
               index_t c_stride,
               bool add,
               const T* bias = nullptr) const {
        const GemmKernels<T>& kernel = *kernels<T>().gemm;
        const index_t runs = k > kOneRun ? ceil_div(k, kProductRun) : 1;
        for (index_t i = 0; i < runs; ++i) {
            const index_t first = k * i / runs;
            GemmArgs<T> g;
            g.a = a + first;
            g.a_row_stride = a_stride;
            g.segment_length = k * (i + 1) / runs - first;
            g.b = panels + first * kernel.tile_cols;
            g.b_row_stride = kernel.tile_cols;
            g.b_panel_stride = kernel.tile_cols * k;
            g.b_padded = true;
            g.c = c;
            g.c_row_stride = c_stride;
            g.accumulate = add || i > 0;
            g.bias = bias;
            kernel.gemm(g, 0, m, 0, n);
        }
    }
};

template <class T>
void activate(Activation kind, const T* x, T* y, index_t n) {
    if (kind == Activation::none) {
        if (x != y) copy(x, y, n);
        return;
    }
    const Unary unary = kind == Activation::relu      ? Unary::relu
                        : kind == Activation::sigmoid ? Unary::sigmoid
                                                      : Unary::tanh;
    kernels<T>().pointwise->unary[static_cast<int>(unary)](x, y, n, T{0}, false);
}

// x (N, T, I) and its time-first twin (T, N, I), which goes through the steps in their order.
template <class T, class F>
void each_step(const RecurrentForm& s, F f) {
    if (s.N == 0) return;  // however many steps
    const double cost = 16.0 * static_cast<double>(s.N * s.T * s.I) * sizeof(T);
    parallel_for(s.T, cost, [&](index_t begin, index_t end) {
        for (index_t step = begin; step < end; ++step) {
            const index_t t = s.go_backwards ? s.T - 1 - step : step;
            for (index_t n = 0; n < s.N; ++n) f((n * s.T + t) * s.I, (step * s.N + n) * s.I);
        }
    });
}

template <class T>
T* time_first(const RecurrentForm& s, const T* x) {
    T* const xt = scratch<T>(Scratch::sequence, s.T * s.N * s.I);
    each_step<T>(s, [&](index_t from, index_t to) { copy(x + from, xt + to, s.I); });
    return xt;
}

// Whether step `step` of sample n counts.
bool counts(const RecurrentForm& s, const std::uint8_t* mask, index_t n, index_t step) {
    return !mask || mask[n * s.T + (s.go_backwards ? s.T - 1 - step : step)];
}

template <class F>
void by_rows(const RecurrentForm& s, F f) {
    const double cost =
        2.0 * static_cast<double>(s.N * s.T * s.U) * static_cast<double>(s.G() * s.U + 100);
    parallel_for(ceil_div(s.N, kRows), cost, [&](index_t begin, index_t end) {
        for (index_t block = begin; block < end; ++block)
            f(block * kRows, std::min((block + 1) * kRows, s.N));
    });
}

template <class T>
class Forward {
  public:
    explicit Forward(const RecurrentArgs<T>& args) : args_(args), s_(args.form) {
        const index_t U = s_.U;
        const index_t G = s_.G();
        T* const panels =
            scratch<T>(Scratch::panels, Packed<T>::room(U, G * U) + Packed<T>::room(U, U));
        const bool gru = G == 3;
        gates_ = Packed<T>::pack(args.recurrent, G * U, U, gru ? 2 * U : G * U, false, panels);
        if (gru)
            candidate_ = Packed<T>::pack(args.recurrent + 2 * U, G * U, U, U, false,
                                         panels + Packed<T>::room(U, 2 * U));
    }

    void run() const {
        project_inputs();
        by_rows(s_, [&](index_t n0, index_t n1) { steps(n0, n1); });
    }

  private:
    T* at(index_t step, index_t n, index_t slot = 0) const {
        return args_.tape + ((step * s_.N + n) * s_.S() + slot) * s_.U;
    }

    // The part of the gates that is no matter of states, for all steps.
    void project_inputs() const {
        const index_t U = s_.U;
        const index_t G = s_.G();
        const T* bias = args_.bias;
        if (bias && s_.cell == Cell::gru_after) {
            T* const both = scratch<T>(Scratch::states, G * U);
            copy(bias, both, G * U);
            for (index_t j = 0; j < 2 * U; ++j) both[j] += bias[G * U + j];
            bias = both;
        }
        Product<T> p;
        p.m = s_.T * s_.N, p.n = G * U, p.k = s_.I;
        p.a = time_first(s_, args_.x), p.a_row_stride = s_.I;
        p.b = args_.kernel, p.b_row_stride = G * U;
        p.c = at(1, 0), p.c_row_stride = s_.S() * U;
        p.bias = bias;
        product(p);
    }

    void begin(index_t n) const {
        const index_t U = s_.U;
        T* const row = at(0, n);
        zero(row, s_.S() * U);
        if (args_.h0) copy(args_.h0 + n * U, row + s_.state() * U, U);
        if (args_.c0) copy(args_.c0 + n * U, row + 4 * U, U);
        drop(row, n);
    }

    void drop(T* row, index_t n) const {
        if (args_.drop)
            kernels<T>().elementwise->arithmetic(Arithmetic::multiply, row + s_.state() * s_.U, 1,
                                                 args_.drop + n * s_.U, 1, row + s_.read() * s_.U,
                                                 s_.U, false);
    }

    void steps(index_t n0, index_t n1) const {
        const index_t stride = s_.S() * s_.U;
        for (index_t n = n0; n < n1; ++n) begin(n);
        for (index_t step = 0; step < s_.T; ++step) {
            const T* const read = at(step, n0, s_.read());
            gates_.times(read, stride, n1 - n0, at(step + 1, n0), stride, true);
            if (s_.cell == Cell::gru_after)
                candidate_.times(read, stride, n1 - n0, at(step + 1, n0, 3), stride, false,
                                 args_.bias ? args_.bias + 5 * s_.U : nullptr);
            if (s_.cell == Cell::gru) {
                for (index_t n = n0; n < n1; ++n) reset_before(step, n);
                candidate_.times(at(step + 1, n0, 3), stride, n1 - n0, at(step + 1, n0, 2), stride,
                                 true);
            }
            for (index_t n = n0; n < n1; ++n) finish(step, n);
        }
        for (index_t n = n0; n < n1; ++n) {
            copy(at(s_.T, n, s_.state()), args_.h + n * s_.U, s_.U);
            if (args_.c) copy(at(s_.T, n, 4), args_.c + n * s_.U, s_.U);
        }
    }

    void multiply(const T* a, const T* b, T* out) const {
        kernels<T>().elementwise->arithmetic(Arithmetic::multiply, a, 1, b, 1, out, s_.U, false);
    }

    void reset_before(index_t step, index_t n) const {
        T* const row = at(step + 1, n);
        activate(s_.gates, row, row, 2 * s_.U);
        multiply(row + s_.U, at(step, n, s_.read()), row + 3 * s_.U);
    }

    void finish(index_t step, index_t n) const {
        const index_t U = s_.U;
        const RecurrentKernels<T>& kernel = *kernels<T>().recurrent;
        T* const row = at(step + 1, n);
        const T* const before = at(step, n);
        T* const h = row + s_.state() * U;
        T* const y = args_.y + (s_.sequences ? n * s_.T + step : n) * U;
        if (!counts(s_, args_.mask, n, step)) {
            const index_t kept = s_.cell == Cell::lstm ? 4 : s_.state();
            zero(row, kept * U);
            copy(before + kept * U, row + kept * U, (s_.S() - kept) * U);
            if (s_.cell == Cell::lstm) zero(row + 5 * U, U);
            if (s_.zero_masked || step == 0)
                zero(y, U);
            else if (s_.sequences)
                copy(y - U, y, U);
            return;
        }
        if (s_.cell == Cell::lstm) {
            activate(s_.gates, row, row, 2 * U);
            activate(s_.activation, row + 2 * U, row + 2 * U, U);
            activate(s_.gates, row + 3 * U, row + 3 * U, U);
            multiply(row + U, before + 4 * U, row + 4 * U);
            kernel.add_product(row, row + 2 * U, row + 4 * U, U);
            activate(s_.activation, row + 4 * U, row + 5 * U, U);
            multiply(row + 3 * U, row + 5 * U, h);
        } else if (s_.cell == Cell::simple) {
            activate(s_.activation, row, row, U);
        } else {
            if (s_.cell == Cell::gru_after) {
                activate(s_.gates, row, row, 2 * U);
                kernel.add_product(row + U, row + 3 * U, row + 2 * U, U);
            }
            activate(s_.activation, row + 2 * U, row + 2 * U, U);
            kernel.mix(row, before + s_.state() * U, row + 2 * U, h, U);
        }
        drop(row, n);
        if (s_.sequences || args_.mask || step == s_.T - 1) copy(h, y, U);
    }

    const RecurrentArgs<T>& args_;
    const RecurrentForm& s_;
    Packed<T> gates_{}, candidate_{};
};

template <class T>
class Backward {
  public:
    explicit Backward(const RecurrentBackwardArgs<T>& args) : args_(args), s_(args.form) {
        const index_t U = s_.U;
        const index_t G = s_.G();
        const index_t NU = s_.N * U;
        // The gradients of a GRU's candidate differ by its reset on the two sides.
        D_ = G == 3 ? 4 : G;
        dz_ = scratch<T>(Scratch::gates, s_.T * s_.N * D_ * U);
        dh_ = scratch<T>(Scratch::states, 4 * NU);
        dc_ = dh_ + NU;
        aside_ = dh_ + 2 * NU;
        read_ = args.drop ? dh_ + 3 * NU : dh_;
        T* const panels =
            scratch<T>(Scratch::panels, Packed<T>::room(G * U, U) + Packed<T>::room(U, U));
        const bool gru = G == 3;
        const index_t k = gru ? 2 * U : G * U;
        gates_ = Packed<T>::pack(args.recurrent, G * U, k, U, true, panels);
        if (gru)
            candidate_ = Packed<T>::pack(args.recurrent + 2 * U, G * U, U, U, true,
                                         panels + Packed<T>::room(k, U));
    }

    void run() const {
        by_rows(s_, [&](index_t n0, index_t n1) { steps(n0, n1); });
        weights();
        biases();
        inputs();
    }

  private:
    const T* at(index_t step, index_t n, index_t slot = 0) const {
        return args_.tape + ((step * s_.N + n) * s_.S() + slot) * s_.U;
    }
    T* dz(index_t step, index_t n, index_t gate = 0) const {
        return dz_ + ((step * s_.N + n) * D_ + gate) * s_.U;
    }
    void add(const T* a, T* to) const {
        kernels<T>().elementwise->arithmetic(Arithmetic::add, a, 1, to, 1, to, s_.U, false);
    }
    static void set(const T* from, T* to, index_t n) {
        if (from)
            copy(from, to, n);
        else
            zero(to, n);
    }

    void steps(index_t n0, index_t n1) const {
        const index_t U = s_.U;
        const index_t rows = (n1 - n0) * U;
        set(args_.dh ? args_.dh + n0 * U : nullptr, dh_ + n0 * U, rows);
        set(args_.dc ? args_.dc + n0 * U : nullptr, dc_ + n0 * U, rows);
        for (index_t step = s_.T - 1; step >= 0; --step) {
            for (index_t n = n0; n < n1; ++n) enter(step, n);
            const index_t stride = D_ * U;
            if (s_.cell == Cell::gru) {
                candidate_.times(dz(step, n0, 2), stride, n1 - n0, aside_ + n0 * U, U, false);
                for (index_t n = n0; n < n1; ++n) reset_before(step, n);
            }
            if (s_.cell == Cell::gru_after)
                candidate_.times(dz(step, n0, 3), stride, n1 - n0, read_ + n0 * U, U, true);
            gates_.times(dz(step, n0), stride, n1 - n0, read_ + n0 * U, U, true);
            if (args_.drop)
                kernels<T>().recurrent->add_product(read_ + n0 * U, args_.drop + n0 * U,
                                                    dh_ + n0 * U, rows);
        }
        if (args_.dh0) copy(dh_ + n0 * U, args_.dh0 + n0 * U, rows);
        if (args_.dc0) copy(dc_ + n0 * U, args_.dc0 + n0 * U, rows);
    }

    // Whether the gradient of the output of a step is one of its state: what a masked step answers
    // is the output before, if there is any.
    bool shows(index_t step, index_t n) const {
        if (!s_.sequences && step < s_.T - 1) return false;
        if (counts(s_, args_.mask, n, step)) return true;
        if (s_.zero_masked) return false;
        while (--step >= 0)
            if (counts(s_, args_.mask, n, step)) return true;
        return false;
    }

    // From dh and dc behind a step to its dz, and what passes the gates by.
    void enter(index_t step, index_t n) const {
        const index_t U = s_.U;
        const RecurrentKernels<T>& kernel = *kernels<T>().recurrent;
        T* const dh = dh_ + n * U;
        T* const z = dz(step, n);
        const T* const row = at(step + 1, n);
        if (shows(step, n)) add(args_.dy + (s_.sequences ? n * s_.T + step : n) * U, dh);
        if (args_.drop) zero(read_ + n * U, U);
        if (!counts(s_, args_.mask, n, step)) {
            zero(z, D_ * U);
            return;
        }
        if (s_.cell == Cell::lstm) {
            kernel.lstm_backward(s_.activation, s_.gates, dh, row, at(step, n, 4), z, dc_ + n * U,
                                 U);
            zero(dh, U);
        } else if (s_.cell == Cell::simple) {
            kernel.gradient(s_.activation, dh, row, z, U);
            zero(dh, U);
        } else {
            kernel.gru_backward(s_.activation, s_.gates, row, at(step, n, s_.state()), z, dh, U);
            if (s_.cell == Cell::gru_after)
                kernel.gru_reset(s_.gates, z + 2 * U, row + U, row + 3 * U, z + U, z + 3 * U, false,
                                 U);
        }
    }

    // aside_ holds the gradient of r h'.
    void reset_before(index_t step, index_t n) const {
        const index_t U = s_.U;
        if (!counts(s_, args_.mask, n, step)) return;
        kernels<T>().recurrent->gru_reset(s_.gates, aside_ + n * U, at(step + 1, n, 1),
                                          at(step, n, s_.read()), dz(step, n, 1), read_ + n * U,
                                          true, U);
    }

    // dw (rows, cols) = a^T dz over all steps.
    void gradient(
        const T* a, index_t rows, index_t a_stride, index_t gate, index_t cols, T* dw) const {
        Product<T> p;
        p.m = rows, p.n = cols, p.k = s_.T * s_.N;
        p.a = a, p.a_row_stride = 1, p.a_col_stride = a_stride;
        p.b = dz_ + gate * s_.U, p.b_row_stride = D_ * s_.U;
        p.c = dw, p.c_row_stride = s_.G() * s_.U;
        product(p);
    }

    void weights() const {
        const index_t U = s_.U;
        const index_t stride = s_.S() * U;
        gradient(time_first(s_, args_.x), s_.I, s_.I, 0, s_.G() * U, args_.dkernel);
        const T* const read = at(0, 0, s_.read());
        if (s_.G() != 3) return gradient(read, U, stride, 0, s_.G() * U, args_.drecurrent);
        gradient(read, U, stride, 0, 2 * U, args_.drecurrent);
        T* const candidate = args_.drecurrent + 2 * U;
        if (s_.cell == Cell::gru_after)
            gradient(read, U, stride, 3, U, candidate);
        else
            gradient(at(1, 0, 3), U, stride, 2, U, candidate);
    }

    void biases() const {
        if (!args_.dbias) return;
        const index_t U = s_.U;
        if (D_ == s_.G()) return sum_rows(dz_, s_.T * s_.N, D_ * U, args_.dbias);
        T* const sums = scratch<T>(Scratch::bias, D_ * U);
        sum_rows(dz_, s_.T * s_.N, D_ * U, sums);
        copy(sums, args_.dbias, 3 * U);
        if (s_.cell == Cell::gru) return;
        copy(sums, args_.dbias + 3 * U, 2 * U);
        copy(sums + 3 * U, args_.dbias + 5 * U, U);
    }

    void inputs() const {
        if (!args_.dx) return;
        T* const dxt = scratch<T>(Scratch::sequence, s_.T * s_.N * s_.I);
        Product<T> p;
        p.m = s_.T * s_.N, p.n = s_.I, p.k = s_.G() * s_.U;
        p.a = dz_, p.a_row_stride = D_ * s_.U;
        p.b = args_.kernel, p.b_row_stride = 1, p.b_col_stride = s_.G() * s_.U;
        p.c = dxt, p.c_row_stride = s_.I;
        product(p);
        each_step<T>(s_, [&](index_t to, index_t from) { copy(dxt + from, args_.dx + to, s_.I); });
    }

    const RecurrentBackwardArgs<T>& args_;
    const RecurrentForm& s_;
    index_t D_ = 0;
    T* dz_ = nullptr;  // (T, N, D, U)
    T* dh_ = nullptr;  // (N, U), so the others
    T* dc_ = nullptr;
    T* aside_ = nullptr;  // of r h'
    T* read_ = nullptr;   // of what the recurrent product read: dh_ itself without dropout
    Packed<T> gates_{}, candidate_{};
};

}  // namespace

template <class T>
void recurrent(const RecurrentArgs<T>& args) {
    Forward<T>(args).run();
}

template <class T>
void recurrent_backward(const RecurrentBackwardArgs<T>& args) {
    Backward<T>(args).run();
}

#define HOTLOOP_INSTANTIATE(T)                           \
    template void recurrent<T>(const RecurrentArgs<T>&); \
    template void recurrent_backward<T>(const RecurrentBackwardArgs<T>&);
HOTLOOP_INSTANTIATE(float)
HOTLOOP_INSTANTIATE(double)

}  // namespace hotloop
