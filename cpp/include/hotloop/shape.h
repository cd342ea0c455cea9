// Shapes, and errors that show them.
#pragma once

#include <initializer_list>
#include <sstream>
#include <stdexcept>
#include <string>

#include "hotloop/common.h"

namespace hotloop {

class Shape {
  public:
    static constexpr int kMaxRank = 8;

    Shape() = default;
    Shape(std::initializer_list<index_t> dims) {
        for (const index_t d : dims) push_back(d);
    }

    int rank() const { return rank_; }
    index_t operator[](int i) const { return dim_[i]; }
    index_t& operator[](int i) { return dim_[i]; }
    const index_t* begin() const { return dim_; }
    const index_t* end() const { return dim_ + rank_; }
    void push_back(index_t d) { dim_[rank_++] = d; }
    index_t size() const {
        index_t n = 1;
        for (const index_t d : *this) n *= d;
        return n;
    }
    bool operator==(const Shape& other) const {
        if (rank_ != other.rank_) return false;
        for (int i = 0; i < rank_; ++i)
            if (dim_[i] != other.dim_[i]) return false;
        return true;
    }
    bool operator!=(const Shape& other) const { return !(*this == other); }

  private:
    int rank_ = 0;
    index_t dim_[kMaxRank] = {};
};

// As Python prints a tuple: (8, 4), (3,), ().
inline std::ostream& operator<<(std::ostream& out, const Shape& shape) {
    out << '(';
    for (int i = 0; i < shape.rank(); ++i) out << (i ? ", " : "") << shape[i];
    return out << (shape.rank() == 1 ? ",)" : ")");
}

// Throws std::invalid_argument, which Python sees as ValueError: "op: " and the parts in a row.
template <class... Parts>
[[noreturn]] void fail(const char* op, const Parts&... parts) {
    std::ostringstream text;
    text << op << ": ";
    (text << ... << parts);
    throw std::invalid_argument(text.str());
}

}  // namespace hotloop
