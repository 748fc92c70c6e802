"""Who asks: a chain of ways to tell, the first that knows decides."""

from collections.abc import Awaitable, Callable, Sequence

from wherry.aio.http.messages import Request
from wherry.api import errors
from wherry.apiserver.authn.user import ANONYMOUS, User

Method = Callable[[Request], Awaitable[User | None]]  # None: these are not my credentials

__all__ = ["ANONYMOUS", "Authenticator", "User"]


class Authenticator:
    """Asks the methods in turn. Nobody's credentials are anonymous; wrong ones are refused."""

    def __init__(self, methods: Sequence[Method], anonymous: bool = True) -> None:
        self._methods, self._anonymous = tuple(methods), anonymous

    async def __call__(self, request: Request) -> User:
        for method in self._methods:
            user = await method(request)
            if user is not None:
                return user
        if self._anonymous and not _has_bearer(request):
            return ANONYMOUS
        raise errors.unauthorized()


def _has_bearer(request: Request) -> bool:
    scheme, _, token = request.headers.get("Authorization").strip().partition(" ")
    return scheme.lower() == "bearer" and bool(token.strip())
