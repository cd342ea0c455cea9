// Recurrent layers over sequences: LSTM, GRU and the simple cell.
#pragma once

#include <cstdint>

#include "hotloop/common.h"
#include "hotloop/shape.h"

namespace hotloop {

// Order of the gates, as in Keras: LSTM i f g o, GRU z r g. The other GRU resets its state before
// the product with the recurrent kernel (Cho et al. 2014), `gru_after` behind it, as cuDNN does.
enum class Cell : int { simple, gru, gru_after, lstm };

constexpr index_t gates_of(Cell cell) {
    return cell == Cell::simple ? 1 : cell == Cell::lstm ? 4 : 3;
}

// One layer: x (N, T, I) to U units. The tape is what the backward reads, (T + 1, N, S, U), time
// first. Row 0 holds the initial states, row s + 1 what step s left; numbers that a row lacks, and
// the gates of masked steps, are 0. Its slots:
//   simple  h           gru  z r g q h      lstm  i f g o c a h
// with q = the recurrent part of the candidate (gru_after) or r h' (gru), where h' is the state
// before, and a = activation(c). With recurrent dropout one slot follows: h times its mask.
struct RecurrentForm {
    Cell cell;
    index_t N, T, I, U;
    Activation activation;  // of the candidate
    Activation gates;       // of the gates
    bool go_backwards;      // step s reads x[:, T - 1 - s]; outputs come in the order of the steps
    bool sequences;         // y is (N, T, U), else the last output (N, U)
    bool zero_masked;       // the output of a masked step is 0, else the one before (0 at first)
    bool drops;             // there is a recurrent dropout mask

    index_t G() const { return gates_of(cell); }
    // The slot of h, and of what the recurrent product reads.
    index_t state() const { return cell == Cell::simple ? 0 : cell == Cell::lstm ? 6 : 4; }
    index_t read() const { return state() + (drops ? 1 : 0); }
    index_t S() const { return read() + 1; }
};

template <class T>
struct RecurrentArgs {
    RecurrentForm form;
    const T* x;
    const T* kernel;     // (I, G U)
    const T* recurrent;  // (U, G U)
    const T* bias;       // (G U), of gru_after (2, G U); or null
    const T* h0;         // (N, U), or null for zeros; so c0
    const T* c0;
    const T* drop;             // (N, U): times the state, in the recurrent product alone; or null
    const std::uint8_t* mask;  // (N, T): a step where it is 0 keeps its states; or null
    T* y;
    T* h;  // (N, U), the last states
    T* c;  // null but for the LSTM
    T* tape;
    template <class F>
    void inputs(F f) {
        f(x);
        f(kernel);
        f(recurrent);
        f(bias);
        f(h0);
        f(c0);
        f(drop);
        f(mask);
    }
};

template <class T>
struct RecurrentBackwardArgs {
    RecurrentForm form;
    const T* dy;  // as y
    const T* x;
    const T* kernel;
    const T* recurrent;
    const T* tape;
    const T* dh;  // (N, U), of the last states, or null
    const T* dc;
    const T* drop;
    const std::uint8_t* mask;
    T* dx;  // null outputs are not computed, but for dkernel and drecurrent
    T* dkernel;
    T* drecurrent;
    T* dbias;
    T* dh0;
    T* dc0;
    template <class F>
    void inputs(F f) {
        f(dy);
        f(x);
        f(kernel);
        f(recurrent);
        f(tape);
        f(dh);
        f(dc);
        f(drop);
        f(mask);
    }
};

template <class T>
void recurrent(const RecurrentArgs<T>& args);
template <class T>
void recurrent_backward(const RecurrentBackwardArgs<T>& args);

}  // namespace hotloop
