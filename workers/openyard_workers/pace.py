"""How long to let work gather before the next of it is done."""


class Pace:
    """After some work, the next begins a little later: what comes meanwhile is done together.

    The pause is ``share`` of what the work took, at most ``longest`` seconds, and counts from the
    end of the work: whoever comes when nothing has been going on waits for nobody.
    """

    def __init__(self, share: float, longest: float) -> None:
        self._share = share
        self._longest = longest
        self._begin_at = 0.0

    def worked(self, began: float, ended: float) -> None:
        self._begin_at = ended + min(self._longest, self._share * (ended - began))

    def left(self, now: float) -> float:
        """Seconds until the next work may begin; 0: at once."""
        return max(0.0, self._begin_at - now)
