"""Who has to do something, by the error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kxt_trio import (
    FillEvent,
    KXTAuthenticationError,
    KXTConnectionError,
    KXTError,
    KXTJournalError,
    KXTSessionInUseError,
    KXTSlowConsumerError,
    KXTSubscriptionError,
    KXTUnsupportedError,
    KXTValidationError,
    open_fill_stream,
)


async def listen(book: Callable[[FillEvent], None], **connection: Any) -> str:
    """Return whose turn it is."""
    try:
        async with open_fill_stream(**connection) as fills:
            async for fill in fills:
                book(fill)
    except (KXTValidationError, KXTUnsupportedError) as exc:
        return f"developer: {exc}"
    except (KXTAuthenticationError, KXTSubscriptionError) as exc:
        return f"settings: {exc}"
    except KXTSessionInUseError as exc:
        return f"stop the other program: {exc}"
    except KXTConnectionError as exc:
        return f"network: {exc}"
    except KXTSlowConsumerError as exc:
        return f"too slow, and the position is unknown now: {exc}"
    except KXTJournalError as exc:
        return f"disk: {exc}"
    except KXTError as exc:
        return f"broker: {exc}"
    return "nobody"
