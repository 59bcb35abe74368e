"""Which messages of a stream are settled, when they are begun in order but end in any."""

from collections import deque


class Ledger:
    """``done``: everything up to this sequence is settled."""

    def __init__(self, done: int) -> None:
        self.done = done
        self._open: deque[int] = deque()
        self._settled: set[int] = set()

    def begin(self, sequence: int) -> None:
        """Sequences come rising; what a purge left out counts as settled."""
        self._open.append(sequence)

    def settle(self, sequence: int) -> None:
        """Settling twice, or what was never begun, changes nothing."""
        if not self._open or not self._open[0] <= sequence <= self._open[-1]:
            return
        self._settled.add(sequence)
        while self._open and self._open[0] in self._settled:
            self.done = self._open.popleft()
            self._settled.discard(self.done)
