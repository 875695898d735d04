"""PDF by pypdf: its text, page by page."""

from __future__ import annotations

import logging

from .verdict import Refused


def read_pages(path: str) -> list[str]:
    """
    Return the text of each page.

    Raises:
        Refused: It is encrypted, damaged, or has no text: pages that are pictures, say.
    """
    from pypdf import PdfReader
    from pypdf.errors import DependencyError, PyPdfError

    logging.getLogger("pypdf").setLevel(logging.ERROR)
    try:
        reader = PdfReader(path)
        is_open = not reader.is_encrypted or bool(reader.decrypt(""))
        pages = [page.extract_text() for page in reader.pages] if is_open else None
    except DependencyError:
        raise Refused("encrypted", "it is encrypted, and this is not decrypted here") from None
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        # A reader of damaged files meets whatever is in them.
        raise Refused("damaged", f"this PDF cannot be read: {error}") from None
    except (AssertionError, OverflowError, RecursionError, ZeroDivisionError, OSError) as error:
        raise Refused("damaged", f"this PDF cannot be read: {type(error).__name__}") from None
    if pages is None:
        raise Refused("encrypted", "it wants a password")
    if not any(page.strip() for page in pages):
        count = f"{len(pages)} {'page' if len(pages) == 1 else 'pages'}"
        raise Refused("no_text", f"there is no text on its {count}: pictures of it, perhaps")
    return pages
