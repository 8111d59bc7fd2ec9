"""Sends a mail: encrypted, to a server whose certificate is checked, unless the settings say otherwise. What the server
says is not repeated: it may repeat what it was given."""

from __future__ import annotations

import asyncio
import ssl
from email.message import EmailMessage

import structlog

from daemon.config import Settings
from daemon.i18n.coded import Refusal, refusal
from daemon.ops.refusals import MailProblem

log = structlog.get_logger()

TOTAL_S = 12.0  # for all of it: below the lease of who sends


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
            refused, _ = await aiosmtplib.send(
                mail,
                hostname=settings.smtp_host,
                port=settings.smtp_port,
                username=settings.smtp_user or None,
                password=settings.smtp_password or None,
                use_tls=settings.smtp_security == "tls",
                start_tls=settings.smtp_security == "starttls",
                timeout=TOTAL_S,
            )
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


def _about_tls(error: BaseException) -> bool:
    """Whether it is the certificate, or that there is no TLS; aiosmtplib has the first behind errors of its own."""
    import aiosmtplib

    each: BaseException | None = error
    while each is not None:
        if isinstance(each, ssl.SSLError):
            return True
        each = each.__cause__ or each.__context__
    return type(error) is aiosmtplib.SMTPException
