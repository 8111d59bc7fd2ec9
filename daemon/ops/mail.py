"""Sends a mail: encrypted, to a server whose certificate is checked, unless the settings say otherwise. What the server
says is not repeated: it may repeat what it was given."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from email.message import EmailMessage

import structlog

from daemon.config import Settings
from daemon.i18n.coded import Refusal, refusal
from daemon.ops.refusals import MailProblem

log = structlog.get_logger()

TOTAL_S = 12.0  # for all of it: below the lease of who sends
QUIT_S = 2.0  # for the server's answer to our goodbye


async def send(settings: Settings, subject: str, text: str, mail_id: str, all_of_them: bool = False) -> Refusal | None:
    """Send the text to all who get notices; None, or why that did not work. mail_id: the same for a repeat, so that a
    mail program can tell. all_of_them: it has not worked either where the server takes it for some of them only: else
    that is only logged, as a repeat would reach the others again."""
    import aiosmtplib  # it is needed only where a mail server is set

    people = settings.mail_addresses
    if not people:
        return refusal(MailProblem.NOT_SET)
    mail = EmailMessage()
    mail["From"] = sender = settings.mail_from or people[0]
    mail["To"] = ", ".join(people)
    mail["Subject"] = subject
    mail["Message-ID"] = f"<{mail_id}@{sender.partition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(text)
    try:
        async with asyncio.timeout(TOTAL_S):
            refused = await _handed_over(settings, mail)
    except (TimeoutError, aiosmtplib.SMTPTimeoutError):
        return refusal(MailProblem.TIMEOUT)
    except aiosmtplib.SMTPAuthenticationError:
        return refusal(MailProblem.LOGIN)
    except aiosmtplib.SMTPResponseException as error:
        return refusal(MailProblem.REFUSED, status=error.code)
    except aiosmtplib.SMTPRecipientsRefused as error:
        return refusal(MailProblem.REFUSED, status=error.recipients[0].code)
    except (ssl.SSLError, aiosmtplib.SMTPException, OSError) as error:
        return refusal(MailProblem.NOT_TRUSTED if _about_tls(error) else MailProblem.UNREACHED)
    if refused:
        status = next(iter(refused.values()))[0]
        if all_of_them:
            return refusal(MailProblem.REFUSED, status=status)
        log.warning("mail.refused_for_some", count=len(refused), status=status)
    return None


async def _handed_over(settings: Settings, mail: EmailMessage) -> dict[str, tuple[int, str]]:
    """Whom the server refused, with its status and words. The connection is gone afterwards, whatever happened: closed
    politely it would wait for the server's end of TLS, longer than a command that ends lives."""
    import aiosmtplib

    client = aiosmtplib.SMTP(
        hostname=settings.smtp_host,
        port=settings.smtp_port,
        use_tls=settings.smtp_security == "tls",
        start_tls=False,
        timeout=TOTAL_S,
    )
    await client.connect()
    transport = client.transport
    try:
        if settings.smtp_security == "starttls":
            await client.starttls()
            transport = client.transport
        if settings.smtp_user:
            await client.login(settings.smtp_user, settings.smtp_password)
        refused, _ = await client.send_message(mail)
        with suppress(aiosmtplib.SMTPException):  # it has the mail
            await client.quit(timeout=QUIT_S)
        return dict(refused)
    finally:
        client.close()
        if isinstance(transport, asyncio.WriteTransport):
            transport.abort()


def _about_tls(error: BaseException) -> bool:
    """Whether it is the certificate, or that there is no TLS; aiosmtplib has the first behind errors of its own."""
    import aiosmtplib

    each: BaseException | None = error
    while each is not None:
        if isinstance(each, ssl.SSLError):
            return True
        each = each.__cause__ or each.__context__
    return type(error) is aiosmtplib.SMTPException
