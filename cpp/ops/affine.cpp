#include "hotloop/ops/affine.h"

#include "hotloop/ops/elementwise.h"
#include "hotloop/ops/product.h"
#include "hotloop/ops/reduce.h"

namespace hotloop {

Shape matmul_shape(const Shape& a, const Shape& b, bool transpose_a, bool transpose_b) {
    if (a.rank() < 2 || b.rank() < 2)
        fail("matmul", "a and b must have at least 2 axes (a: ", a, ", b: ", b, ")");
    const index_t inner_a = a[a.rank() - (transpose_a ? 2 : 1)];
    const index_t inner_b = b[b.rank() - (transpose_b ? 1 : 2)];
    if (inner_a != inner_b)
        fail("matmul", "the inner sizes ", inner_a, " and ", inner_b, " differ (a: ", a,
             transpose_a ? " transposed" : "", ", b: ", b, transpose_b ? " transposed" : "", ")");
    Shape batch_a;
    Shape batch_b;
    for (int i = 0; i < a.rank() - 2; ++i) batch_a.push_back(a[i]);
    for (int i = 0; i < b.rank() - 2; ++i) batch_b.push_back(b[i]);
    Shape out = broadcast_shape("matmul", "the batch axes of a", batch_a, "of b", batch_b);
    out.push_back(a[a.rank() - (transpose_a ? 1 : 2)]);
    out.push_back(b[b.rank() - (transpose_b ? 2 : 1)]);
    return out;
}

Shape affine_shape(const Shape& x, const Shape& w, const Shape* b) {
    if (x.rank() != 1 && x.rank() != 2)
        fail("affine", "x must be a batch (N, I) or one sample (I,), got ", x);
    if (w.rank() != 2) fail("affine", "w must be (I, O), got ", w);
    const index_t features = x[x.rank() - 1];
    if (features != w[0])
        fail("affine", "x has ", features, " features but w takes ", w[0], " (x: ", x, ", w: ", w,
             ")");
    if (b && (b->rank() != 1 || (*b)[0] != w[1]))
        fail("affine", "b must be (", w[1], ",) as w has ", w[1], " outputs, got ", *b, " (w: ", w,
             ")");
    return x.rank() == 1 ? Shape{w[1]} : Shape{x[0], w[1]};
}

void affine_backward_check(const Shape& dy, const Shape& x, const Shape& w) {
    if (x.rank() != 1 && x.rank() != 2)
        fail("affine_backward", "x must be a batch (N, I) or one sample (I,), got ", x);
    if (w.rank() != 2) fail("affine_backward", "w must be (I, O), got ", w);
    if (x[x.rank() - 1] != w[0])
        fail("affine_backward", "x has ", x[x.rank() - 1], " features but w takes ", w[0],
             " (x: ", x, ", w: ", w, ")");
    const Shape expected = x.rank() == 1 ? Shape{w[1]} : Shape{x[0], w[1]};
    if (dy != expected)
        fail("affine_backward", "dy must be ", expected, ", the shape of y, got ", dy, " (x: ", x,
             ", w: ", w, ")");
}

template <class T>
void matmul(const MatmulArgs<T>& s) {
    // A batch of many small products is shared out, one of few large ones each cut up.
    constexpr double kSmall = 2e6;
    Product<T> p;
    p.m = s.m, p.n = s.n, p.k = s.k;
    p.a = s.a, p.a_row_stride = s.a_row_stride, p.a_col_stride = s.a_col_stride;
    p.b = s.b, p.b_row_stride = s.b_row_stride, p.b_col_stride = s.b_col_stride;
    p.c = s.c;
    p.c_row_stride = s.n;
    const index_t count = s.batch.count();
    if (s.batch.rank == 1 && s.batch.stride[1][0] == 0 &&
        s.batch.stride[0][0] == s.m * s.a_row_stride * static_cast<index_t>(sizeof(T))) {
        p.m *= count;  // the rows of all matrices, one product
        return product(p);
    }
    const auto some = [&](index_t begin, index_t end) {
        for (index_t i = begin; i < end; ++i) {
            Product<T> q = p;
            q.a += s.batch.offset(0, i) / static_cast<index_t>(sizeof(T));
            q.b += s.batch.offset(1, i) / static_cast<index_t>(sizeof(T));
            q.c += i * s.m * s.n;
            product(q);
        }
    };
    const double cost =
        2.0 * static_cast<double>(s.m) * static_cast<double>(s.n) * static_cast<double>(s.k);
    if (cost >= kSmall) return some(0, count);
    parallel_for(count, static_cast<double>(count) * cost, some);
}

template <class T>
void affine(const AffineArgs<T>& s) {
    Product<T> p;
    p.m = s.N, p.n = s.O, p.k = s.I;
    p.a = s.x, p.a_row_stride = s.I;
    p.b = s.w, p.b_row_stride = s.O;
    p.c = s.y, p.c_row_stride = s.O;
    p.bias = s.b;
    p.activation = s.activation;
    product(p);
}

template <class T>
void affine_backward(const AffineBackwardArgs<T>& s) {
    if (s.dw) {
        Product<T> p;
        p.m = s.I, p.n = s.O, p.k = s.N;
        p.a = s.x, p.a_row_stride = 1, p.a_col_stride = s.I;
        p.b = s.dy, p.b_row_stride = s.O;
        p.c = s.dw, p.c_row_stride = s.O;
        product(p);
    }
    if (s.db) sum_rows(s.dy, s.N, s.O, s.db);
    if (s.dx) {
        Product<T> p;
        p.m = s.N, p.n = s.I, p.k = s.O;
        p.a = s.dy, p.a_row_stride = s.O;
        p.b = s.w, p.b_row_stride = 1, p.b_col_stride = s.O;
        p.c = s.dx, p.c_row_stride = s.I;
        p.gate = s.gate;
        p.gate_kind = s.gate_kind;
        product(p);
    }
}

#define HOTLOOP_INSTANTIATE(T)                     \
    template void matmul<T>(const MatmulArgs<T>&); \
    template void affine<T>(const AffineArgs<T>&); \
    template void affine_backward<T>(const AffineBackwardArgs<T>&);
HOTLOOP_INSTANTIATE(float)
HOTLOOP_INSTANTIATE(double)

}  // namespace hotloop
