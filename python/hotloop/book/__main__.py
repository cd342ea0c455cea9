"""``python -m hotloop.book SCRIPT.py [args]`` runs a script of the book; see `hotloop.book`."""

from hotloop.book.runner import main

main()
