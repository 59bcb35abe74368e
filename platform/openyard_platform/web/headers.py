"""Headers that every answer carries, and the count of answers by route and status."""

from litestar.types import Message, Scope

from openyard_platform.web import metrics

# No inline script or style anywhere; nobody may frame our pages.
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "frame-ancestors 'none'; form-action 'self'"
)

_ALWAYS = [
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
]
_SECURE = [*_ALWAYS, (b"strict-transport-security", b"max-age=31536000")]
_NAMES = {name for name, _ in _SECURE}
_PRIVATE = (b"cache-control", b"no-store")


async def add(message: Message, scope: Scope) -> None:
    """Litestar's ``before_send``: runs for errors and unknown routes too."""
    if message["type"] != "http.response.start":
        return
    own = message["headers"]
    state = scope["litestar_app"].state
    extra = _SECURE if state.settings.base_url.startswith("https:") else _ALWAYS
    named = {name for name, _ in own}
    if not named.isdisjoint(_NAMES):
        # A route that is stricter about one of them has said so itself.
        extra = [pair for pair in extra if pair[0] not in named]
    # What one person sees belongs into no shared cache (ASVS 14.3.2).
    private = scope.get("actor") is not None and b"cache-control" not in named
    message["headers"] = [*own, *extra, _PRIVATE] if private else [*own, *extra]
    metrics.count(state, scope, message["status"])
