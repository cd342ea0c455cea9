"""The libraries that a workload is timed with, each in worker processes of its own.

A thread pool that spins for some milliseconds after its last work takes a core from whoever runs
next, and two pools in one process can meet in one op. So every contender (a library at a thread
count) lives in its own process, is blocked on a pipe while others have their turn, and loads
nothing but its own library.

A peer is a module with two functions:

``variants(job) -> list[str]``
    Ways to do the job that are worth timing (data formats, optimizer forms); the best one counts.
``build(job, variant) -> Task``
    The job made ready. Raises ``UnsupportedError`` where the library has no such operation.
"""
