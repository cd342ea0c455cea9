"""A graph of three nodes, forward and back: the chain rule with numbers in hand.

x = a + b, y = b + c, f = x y. Going back, a sum hands its gradient to both sides, a product hands each side the
gradient times the other side. b is used twice, so its two gradients add up.
"""

from __future__ import annotations

from hotloop.book.lessons import Add, Mul
from hotloop.examples._lesson import Lesson, run


def main(lesson: Lesson) -> None:
    """Go through the graph and back, at a = -1, b = 3, c = 4."""
    a, b, c = -1.0, 3.0, 4.0
    first, second, product = Add(), Add(), Mul()
    x = first.forward(a, b)
    y = second.forward(b, c)
    f = product.forward(x, y)
    lesson.expect("f = (a + b) (b + c)", f, 14.0)

    # Backwards: start with df/df = 1 at the end.
    dx, dy = product.backward(1.0)
    da, db_first = first.backward(dx)
    db_second, dc = second.backward(dy)
    lesson.expect("df/da", da, 7.0)
    lesson.expect("df/db, over both ways", db_first + db_second, 9.0)
    lesson.expect("df/dc", dc, 2.0)

    # The same by moving b a little: f is x y with both of them moved.
    h = 1e-6
    moved = ((a + b + h) * (b + h + c) - (a + b - h) * (b - h + c)) / (2 * h)
    lesson.expect("df/db by moving b", moved, 9.0, within=1e-6)


if __name__ == "__main__":
    run(main)
