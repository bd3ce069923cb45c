"""Sending webhooks and mail: at least once, each time under the same key.

A crash between sending and writing that it was sent sends it again. Nobody can rule that out; the receiver can tell it
by the key, which is the job's for all its attempts and for a retry of its dead letter.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import smtplib
import time

import httpx
from django.conf import settings
from django.core.mail import EmailMessage, get_connection

from jobs.effects import Guarantee, effect_once
from jobs.policies import Permanent, Transient
from jobs.running import RunningJob

from .. import outside
from . import selectors
from .models import SECRET_PREFIX, Endpoint
from .schemas import MailRequest, Sent, WebhookRequest


def send_webhook(request: WebhookRequest, job: RunningJob) -> Sent:
    """Post the event to the endpoint.

    Raises Gone, Permanent and Transient; Retry-After of the receiver says when the next attempt is.
    """
    endpoint = selectors.endpoint(request.endpoint, owner_id=job.owner_id)

    def post(key: str) -> str:
        outside.call(_signed(endpoint, key, request), seconds=job.remaining)
        return key

    return Sent(key=effect_once(job, "webhook", post, guarantee=Guarantee.AT_LEAST_ONCE))


def _signed(endpoint: Endpoint, key: str, request: WebhookRequest) -> httpx.Request:
    """The request, signed as Standard Webhooks has it, for whose receivers there are libraries.

    The time is signed too, so that a receiver can refuse what somebody recorded and sends again.
    """
    body = json.dumps({"event": request.event, "data": request.data}, separators=(",", ":"))
    at = int(time.time())
    secret = base64.b64decode(endpoint.secret.removeprefix(SECRET_PREFIX))
    signature = base64.b64encode(hmac.digest(secret, f"{key}.{at}.{body}".encode(), hashlib.sha256)).decode()
    headers = {
        "Content-Type": "application/json",
        "Idempotency-Key": key,
        "Webhook-Id": key,
        "Webhook-Timestamp": str(at),
        "Webhook-Signature": f"v1,{signature}",
    }
    return httpx.Request("POST", endpoint.url, headers=headers, content=body)


def send_mail(request: MailRequest, job: RunningJob) -> Sent:
    """Hand the mail to the mail server EMAIL_HOST.

    Raises Permanent when the server refuses it for good, Transient when it is away or asks to come back.
    """
    if not settings.EMAIL_HOST:
        raise Permanent("EMAIL_HOST is not set; it must name the mail server")

    def hand_over(key: str) -> str:
        message_id = f"<{key.replace(':', '.')}@{settings.DEFAULT_FROM_EMAIL.rpartition('@')[2].rstrip('>')}>"
        connection = get_connection(timeout=max(min(job.remaining, settings.EMAIL_TIMEOUT), 0.1))
        mail = EmailMessage(
            request.subject, request.text, to=[request.to], headers={"Message-ID": message_id}, connection=connection
        )
        with outside.circuit(settings.EMAIL_HOST):
            _send(mail)
        return message_id

    return Sent(key=effect_once(job, "mail", hand_over, guarantee=Guarantee.AT_LEAST_ONCE))


def _send(mail: EmailMessage) -> None:
    try:
        mail.send()
    except smtplib.SMTPRecipientsRefused as refused:
        [(code, _)] = refused.recipients.values()
        raise _refusal(code) from refused
    except smtplib.SMTPAuthenticationError as error:
        # Ours to mend, and no fault of the mail.
        raise Transient("the mail server does not accept EMAIL_USER and EMAIL_PASSWORD") from error
    except smtplib.SMTPResponseException as error:
        raise _refusal(error.smtp_code) from error
    except (OSError, smtplib.SMTPException) as error:
        raise Transient(f"the mail server gave no answer: {type(error).__name__}") from error


def _refusal(code: int) -> Transient | Permanent:
    said = f"the mail server answered {code}"
    return Permanent(said) if code >= 500 else Transient(said)
