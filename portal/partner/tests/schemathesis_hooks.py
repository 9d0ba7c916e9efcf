"""Requests of the fuzzer have an Idempotency-Key each of their own: with one that was used for another request they are refused (422), as
they shall be (test `a_request_is_done_once_and_answered_the_same`)."""

import re
import uuid

import schemathesis

NAME = "Idempotency-Key"


@schemathesis.hook
def before_call(context, case, kwargs):
    headers = case.headers or {}
    for name in list(headers):
        if name.lower() == NAME.lower() and re.fullmatch("[!-~]{1,255}", str(headers[name])):
            headers[name] = str(headers[name])[:200] + uuid.uuid4().hex
