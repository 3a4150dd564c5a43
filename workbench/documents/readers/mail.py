"""E-mail: heading, text and attachments, those read through the same readers as files.

The plain text is preferred over the HTML of the same message. With attachments, the message and each of them are
members of the document, to be selected and cited by their names. Nothing is fetched.

Not covered: signatures and encryption (S/MIME, PGP; listed as attachments), Outlook's own format (MSG).
"""

from __future__ import annotations

import hashlib
import mimetypes
from dataclasses import replace
from email import message_from_bytes, policy
from email.errors import MessageError
from email.message import EmailMessage, MIMEPart
from pathlib import PurePath

from workbench.documents.document import DocumentWarning, Member, Page, Source
from workbench.documents.draft import Draft
from workbench.documents.formats import MAIL, recognise
from workbench.documents.parsed import Job, Parsed, unheard
from workbench.documents.readers.markup import render
from workbench.documents.readers.text import decode
from workbench.documents.readers.unshown import Unshown
from workbench.errors import DocumentError
from workbench.types import Span

MAX_DEPTH = 10
"""Mails within mails that are read."""

_HEADERS = ("From", "To", "Cc", "Bcc", "Reply-To", "Date", "Subject")
_MUCH_MORE = 1.5
"""Words of the HTML text for each one of the plain text, from which on the HTML is read instead."""
_BROKEN = (MessageError, ValueError, LookupError, TypeError, AttributeError, UnicodeError, RecursionError)


def read_mail(job: Job) -> Parsed:
    """An e-mail with its attachments.

    Raises:
        DocumentError: it is damaged.
    """
    draft, members = Draft(), list[Member]()
    try:
        message = message_from_bytes(job.data, policy=policy.default)
        if message.keys():
            _message(draft, message, job, 1, members)
    except _BROKEN as error:
        raise DocumentError(
            f"{job.name} cannot be read as an e-mail ({type(error).__name__}). Save it anew as EML from your mail "
            "program."
        ) from error
    if not draft.num_pages:
        raise DocumentError(f"{job.name} is no e-mail: it has no header lines. Save it anew as EML.")
    return replace(draft.parsed(), members=tuple(members) if len(members) > 1 else ())


def _message(draft: Draft, message: EmailMessage, job: Job, depth: int, members: list[Member]) -> None:
    """A message on a page of its own, its attachments behind it."""
    begin = draft.num_chars
    number = draft.page("message" if depth == 1 else f"message in message · {depth}")
    with draft.region("message", str(message.get("Subject", "message")) or "message"):
        for name in _HEADERS:
            for value in message.get_all(name, []):
                draft.make(f"{name}: ")
                draft.add(str(value))
                draft.make("\n")
        draft.make("\n")
        body = message.get_body(("plain", "html"))
        _body(draft, message, job, number)
        draft.make("\n\n")
    source = Source(job.name, hashlib.sha256(job.data).hexdigest(), len(job.data), MAIL.media_type)
    members.append(Member("message", source, begin, draft.num_chars, number))
    attached = [part for part in _leaves(message) if part is not body and not _is_text_of(part, message)]
    for done, part in enumerate(attached, 1):
        _attachment(draft, part, job, depth, members)
        job.report(done, len(attached))


def _body(draft: Draft, message: EmailMessage, job: Job, page: int) -> None:
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    text = _text(plain, job.name, draft) if plain is not None else ""
    unshown = Unshown(job.options.hidden)
    shown = render(_text(html, job.name, draft), job.name, prepare=unshown.take).text if html is not None else ""
    if not shown.split() or len(shown.split()) <= _MUCH_MORE * len(text.split()):
        draft.add(text.strip("\n"))
        return
    if text.strip():
        said = (
            f"The HTML of the message has {len(shown.split()):,} words, its plain text {len(text.split()):,}; the "
            "HTML was read."
        )
        draft.warn("alternative", said, (page,))
    shown, start = shown.strip("\n"), draft.num_chars
    draft.add(shown)
    for warning in unshown.warnings(shown):
        spans = [Span(begin + start, end + start) for begin, end in warning.spans]
        draft.warn(warning.kind, warning.message, (page,), spans)


def _text(part: MIMEPart, name: str, draft: Draft) -> str:
    """The text of a part in the encoding that it declares, else the one that fits."""
    payload = part.get_payload(decode=True)
    data = payload if isinstance(payload, bytes) else b""
    try:
        return data.decode(part.get_content_charset("utf-8")).replace("\r\n", "\n")
    except (UnicodeError, LookupError):
        text, said = decode(data, name)
        for warning in said:
            draft.warn(warning.kind, warning.message)
        return text


def _leaves(message: MIMEPart) -> list[MIMEPart]:
    """Parts that are no containers; a message within a message is one part."""
    if message.get_content_type() == "message/rfc822" or not message.is_multipart():
        return [message]
    found: list[MIMEPart] = []
    for part in message.iter_parts():
        found += _leaves(part)
    return found


def _is_text_of(part: MIMEPart, message: EmailMessage) -> bool:
    """Whether a part is the plain or HTML text of the message itself."""
    return any(part is body for body in (message.get_body(("plain",)), message.get_body(("html",))))


def _attachment(draft: Draft, part: MIMEPart, job: Job, depth: int, members: list[Member]) -> None:
    """What is attached, read, or a page that says why not; a member of the document in either case."""
    first_page, begin = draft.num_pages + 1, draft.num_chars
    kind = part.get_content_type()
    name = part.get_filename() or f"attachment{mimetypes.guess_extension(kind) or ''}"
    name = PurePath(name.replace("\\", "/")).name or "attachment"
    data = _bytes_of(part)
    try:
        if kind == "message/rfc822" and depth < MAX_DEPTH:
            name = part.get_filename() or "attached message"
            with draft.region("attachment", name):
                draft.head(1, name)
                _message(draft, part.get_content(), job, depth + 1, [])
        else:
            parsed = _parsed(data, name, kind, job)
            with draft.region("attachment", name):
                draft.embed(parsed, name, f"===== {name} =====\n")
    except (DocumentError, *_BROKEN) as error:
        number = draft.page(name, "unreadable", str(error))
        draft.warn("unreadable", f"The attachment {name} was not read: {error}", (number,))
    source = Source(f"{job.name}/{name}", hashlib.sha256(data).hexdigest() if data else "", len(data), kind)
    members.append(Member(name, source, begin, draft.num_chars, first_page))


def _bytes_of(part: MIMEPart) -> bytes:
    """What is attached, decoded; a message as it stands; nothing where that is damaged."""
    try:
        if part.get_content_type() == "message/rfc822":
            return bytes(part.get_content().as_bytes())
        payload = part.get_payload(decode=True)
    except _BROKEN:
        return b""
    return payload if isinstance(payload, bytes) else b""


def _parsed(data: bytes, name: str, media_type: str, job: Job) -> Parsed:
    if media_type == "message/rfc822":
        raise DocumentError(f"mails in mails are read to a depth of {MAX_DEPTH}.")
    if not data.strip():
        return Parsed(
            "", (Page(1, name, 0, 0, "empty", "0 bytes"),), (), (DocumentWarning("empty", f"{name} is empty."),)
        )
    suffix = PurePath(name).suffix.lower() or mimetypes.guess_extension(media_type) or ""
    kind = recognise(data, suffix)
    if kind is MAIL and not media_type.startswith("text/"):
        suffix = ".txt"  # mails in mails come as parts of their own; a loop through files ends here
        kind = recognise(data, suffix)
    parsed = kind.load_reader()(Job(data, name, job.options, unheard))
    if not parsed.text.strip():
        raise DocumentError(
            f"{name} holds no text ({kind.name}, {len(data):,} bytes); it may be pictures that need OCR."
        )
    return parsed
