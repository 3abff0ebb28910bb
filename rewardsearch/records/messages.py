"""The one reader of prompts and completions: texts, chat messages, and messages of several parts."""

from __future__ import annotations


def message_text(item: object) -> str:
    """The text of a prompt or completion: itself, or the content of its last chat message.

    item: a text, a message, or a list of messages; an empty list says nothing. A content is a text, a list of parts whose texts
    are joined, or None for no text. Raises ValueError with the value for anything else.
    """
    if isinstance(item, str):
        return item
    if item == []:
        return ""
    message = item[-1] if isinstance(item, list) else item
    if isinstance(message, dict) and ("content" in message or "role" in message):
        content = message.get("content")
        parts = content if isinstance(content, list) else [content]
        texts = [part.get("text") if isinstance(part, dict) else part for part in parts]
        if all(text is None or isinstance(text, str) for text in texts):
            return "".join(text or "" for text in texts)
    raise ValueError(f"got {item!r:.200}; allowed: a text, a chat message with a content, a list of such messages")
