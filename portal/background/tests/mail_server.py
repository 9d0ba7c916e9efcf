"""A mail server that says, as a line of JSON each, what Python's own parser finds in the messages that it takes.

mail_server.py PORT REFUSED: refuses so many messages for the time being, and takes those that come after. It knows nobody@.
"""

import base64
import json
import sys
import threading
from email import message_from_bytes, policy

from aiosmtpd.controller import Controller


class Handler:
    def __init__(self, refused):
        self.refused = refused

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody@"):
            return "550 5.1.1 No such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if self.refused > 0:
            self.refused -= 1
            return "451 Try again later"
        message = message_from_bytes(envelope.content, policy=policy.default)
        found = {
            "recipients": envelope.rcpt_tos,
            "headers": sorted(name.lower() for name in message.keys()),
            "id": message["message-id"],
            "subject": message["subject"],
            "to": message["to"],
            "type": message.get_content_type(),
            "defects": [],
            "parts": [],
        }
        for part in message.walk():
            found["defects"] += [type(defect).__name__ for defect in part.defects]
            for header in part.values():
                found["defects"] += [type(defect).__name__ for defect in header.defects]
            if part.is_multipart():
                continue
            is_text = part.get_content_maintype() == "text"
            content = part.get_content()
            found["parts"].append({
                "type": part.get_content_type(),
                "disposition": part.get_content_disposition(),
                "id": part["content-id"],
                "content": content if is_text else base64.b64encode(content).decode(),
            })
        print(json.dumps(found), flush=True)
        return "250 OK"


port, refused = int(sys.argv[1]), int(sys.argv[2])
controller = Controller(Handler(refused), hostname="127.0.0.1", port=port)
controller.start()
print(json.dumps({"port": port}), flush=True)
threading.Event().wait()
