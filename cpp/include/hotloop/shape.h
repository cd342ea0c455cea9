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

// No message is longer: what an argument holds may be of any length.
constexpr std::size_t kLongestMessage = 400;

// A text of at most `longest` bytes, with dots for what is left out before its last third.
inline std::string shortened(std::string text, std::size_t longest = kLongestMessage) {
    if (text.size() <= longest) return text;
    // Not within a character of UTF-8.
    const auto within = [&](std::size_t i) {
        return (static_cast<unsigned char>(text[i]) & 0xC0U) == 0x80U;
    };
    std::size_t end = longest - longest / 3 - 3;
    std::size_t next = text.size() - longest / 3;
    while (end > 0 && within(end)) --end;
    while (next < text.size() && within(next)) ++next;
    return text.substr(0, end) + "..." + text.substr(next);
}

// Throws std::invalid_argument, which Python sees as ValueError: "op: " and the parts in a row.
template <class... Parts>
[[noreturn]] void fail(const char* op, const Parts&... parts) {
    std::ostringstream text;
    text << op << ": ";
    (text << ... << parts);
    throw std::invalid_argument(shortened(text.str()));
}

}  // namespace hotloop
