"""Why a file is not imported."""

from xbopt.core.errors import SupportError, UsageError


class UnreadFileError(UsageError):
    """Raised when a file cannot be read, or the call does not fit it. ``code`` is for programs."""

    def __init__(self, file: str, code: str, message: str) -> None:
        self.code = code
        super().__init__(f"{file}: {message}" if file else message)


class RefusedFileError(SupportError):
    """Raised when a file is read, and cannot answer what a table needs. ``code`` is for programs and ``--accept``."""

    def __init__(self, file: str, code: str, message: str) -> None:
        self.code = code
        super().__init__(f"{file}: {message}" if file else message)
