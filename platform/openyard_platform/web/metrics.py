"""What this process counts, in the text format of Prometheus."""

from collections import Counter
from typing import Any

from litestar.types import Scope
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector


class Metrics(Collector):
    """``answers``: counted by method, route and status; ``gauges``: name to a function."""

    def __init__(self) -> None:
        self.answers: Counter[tuple[str, str, int]] = Counter()
        self.gauges: dict[str, tuple[str, Any]] = {}
        self.registry = CollectorRegistry(auto_describe=False)
        self.registry.register(self)

    def gauge(self, name: str, description: str, function: Any) -> None:
        """``function()`` gives the value at the time of asking."""
        self.gauges[name] = (description, function)

    def collect(self) -> Any:
        answers = CounterMetricFamily(
            "openyard_http_answers", "Answers given.", labels=["method", "route", "status"]
        )
        for (method, route, status), number in self.answers.items():
            answers.add_metric([method, route, str(status)], number)
        yield answers
        for name, (description, function) in self.gauges.items():
            yield GaugeMetricFamily(name, description, value=function())

    def text(self) -> bytes:
        return generate_latest(self.registry)


def count(state: Any, scope: Scope, status: int) -> None:
    """One answer. What matched no route is counted as one, whatever its address was."""
    key = (scope.get("method", ""), scope.get("path_template", "none"), status)
    state.metrics.answers[key] += 1
