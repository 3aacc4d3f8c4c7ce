"""Holds calls of Slack against slack_sdk's models and Slack's own TypeScript types.

Two judges look at each block: slack_sdk's models know lengths and drop what they do not know, so what comes out of
them must be what went in; the schema of `@slack/types` knows every member and its type.
"""

import collections.abc
import inspect
import json
import logging
import pathlib
import subprocess
import typing

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.basic_objects import JsonObject
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View
from slack_sdk.web import WebClient
from slack_sdk.webhook import WebhookClient

from verdict import Violation

SCHEMA = pathlib.Path(__file__).parent / "schema"

# Arguments of every method that slack_sdk keeps out of the signatures.
EVERYWHERE = {"token", "team_id"}

# What a refused call answers; the published replies describe the successful ones.
REFUSAL = {
    "ok", "error", "errors", "needed", "provided", "response_metadata", "warning", "deprecated_argument", "ts", "channel",
}  # fmt: skip

# Slack's own limit (https://docs.slack.dev/reference/methods/chat.postMessage).
LONGEST_TEXT = 40_000

# A view in a reply carries what Slack has added to it.
ADDED_TO_VIEWS = {
    "id", "team_id", "app_id", "app_installed_team_id", "bot_id", "hash", "state", "root_view_id", "previous_view_id",
}  # fmt: skip

logging.getLogger("slack_sdk").setLevel(logging.CRITICAL)


class Types:
    """Slack's own types, asked through the node script in schema/."""

    def __init__(self):
        self.process = subprocess.Popen(
            ["node", "judge.mjs"], cwd=SCHEMA, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.kinds = set(json.loads(self.process.stdout.readline()))
        self.known = {}

    def objections(self, kind, value):
        asked = json.dumps({"kind": kind, "value": value})
        if asked not in self.known:
            self.process.stdin.write(asked + "\n")
            self.process.stdin.flush()
            self.known[asked] = json.loads(self.process.stdout.readline())
        return self.known[asked]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class SlackJudge:
    """Knows the methods of the Web API and what is posted to response URLs."""

    def __init__(self):
        self.types = Types()
        self.seen = {}

    def close(self):
        self.types.close()

    def request(self, call):
        found = []
        request = call["request"]
        if call["service"] == "slack-response-url":
            # Threads are documented for response URLs and missing in slack_sdk.
            allowed = {"thread_ts": inspect.Parameter("thread_ts", inspect.Parameter.KEYWORD_ONLY, default=None)}
            self.arguments(WebhookClient.send, request, found, allowed, {"headers"})
            if request.get("response_type") not in (None, "ephemeral", "in_channel"):
                found.append(Violation("enum", "request.response_type", repr(request["response_type"]), "slack_sdk"))
        else:
            method = getattr(WebClient, call["operation"].replace(".", "_"), None)
            if method is None:
                return [Violation("unknown member", "operation", "slack_sdk has no such method", "slack_sdk")]
            self.arguments(method, request, found, {}, set())
        self.contents(request, "request", found)
        return found

    def reply(self, call):
        reply, found = call["reply"], []
        if not isinstance(reply, dict) or not isinstance(reply.get("ok"), bool):
            return [Violation("type", "reply", "a reply is an object that says whether it is ok", "slack_sdk")]
        if not reply["ok"] or call["status"] >= 300:
            if not isinstance(reply.get("error"), str):
                found.append(Violation("missing", "reply.error", "a refusal has its code", "slack_sdk"))
            for member in reply.keys() - REFUSAL:
                found.append(Violation("unknown member", f"reply.{member}", "no refusal has it", "@slack/types"))
            return found
        if call["service"] == "slack":
            kind = "".join(part[0].upper() + part[1:] for part in call["operation"].split("."))
            self.ask(kind, sampled(reply), "reply", found)
        for place, message in messages(reply):
            self.contents(message, place, found)
        if isinstance(reply.get("view"), dict):
            self.view(reply["view"], "reply.view", found)
        return found

    def arguments(self, method, request, found, more, less):
        if not isinstance(request, dict):
            found.append(Violation("type", "request", "arguments are an object", "slack_sdk"))
            return
        taken = {
            name: parameter
            for name, parameter in inspect.signature(method).parameters.items()
            if name not in {"self", "kwargs"} | less
        } | more
        for name, parameter in taken.items():
            if parameter.default is inspect.Parameter.empty and name not in request:
                found.append(Violation("missing", f"request.{name}", "the method requires it", "slack_sdk"))
        for name, value in request.items():
            if name not in taken:
                if name not in EVERYWHERE:
                    found.append(Violation("unknown member", f"request.{name}", "the method takes no such", "slack_sdk"))
            elif not fits(taken[name].annotation, value):
                what = f"{value!r:.60} is no {taken[name].annotation}"
                found.append(Violation("type", f"request.{name}", what, "slack_sdk"))

    def contents(self, message, place, found):
        """Text, blocks, metadata and view of a message or of arguments."""
        if not isinstance(message, dict):
            return
        text = message.get("text")
        if isinstance(text, str) and len(text) > LONGEST_TEXT:
            found.append(Violation("length", f"{place}.text", f"{len(text)} characters", "slack_sdk"))
        if isinstance(message.get("blocks"), list):
            if len(message["blocks"]) > 50:
                found.append(Violation("length", f"{place}.blocks", "a message has at most 50 blocks", "slack_sdk"))
            for number, block in enumerate(message["blocks"]):
                self.block(block, f"{place}.blocks[{number}]", found)
        # A reader sees the event's type alone where it asked for no more.
        if isinstance(message.get("metadata"), dict) and (place == "request" or "event_payload" in message["metadata"]):
            self.ask("Metadata", message["metadata"], f"{place}.metadata", found)
        if place == "request" and isinstance(message.get("view"), dict):
            self.view(message["view"], f"{place}.view", found)

    def block(self, block, place, found):
        self.ask("Block", block, place, found)
        if isinstance(block, dict):
            self.model(lambda: Block.parse(block), block, place, found)

    def view(self, view, place, found):
        sent = {name: value for name, value in view.items() if name not in ADDED_TO_VIEWS} if place != "request.view" else view
        if place != "request.view":
            # Slack answers with every member, null where it was not given.
            sent = {name: value for name, value in sent.items() if value not in (None, "", False)}
        self.ask("Home" if view.get("type") == "home" else "Modal", sent, place, found)
        for number, block in enumerate(sent.get("blocks") or []):
            self.block(block, f"{place}.blocks[{number}]", found)
        self.model(lambda: View(**sent), sent, place, found)

    def ask(self, kind, value, place, found):
        if kind not in self.types.kinds:
            found.append(Violation("unknown member", place, f"there is no type {kind}", "@slack/types"))
            return
        for objection in self.types.objections(kind, value):
            found.append(Violation(kind_of(objection), place, objection, "@slack/types"))

    def model(self, build, given, place, found):
        key = (place.split("[")[0], json.dumps(given, sort_keys=True))
        if key not in self.seen:
            self.seen[key] = modelled(build, given)
        for kind, what in self.seen[key]:
            found.append(Violation(kind, place, what, "slack_sdk"))


def modelled(build, given):
    """What slack_sdk's model of `given` says against it."""
    try:
        built = build()
        if built is None:
            return [("enum", f"slack_sdk knows no {given.get('type')!r}")]
        validate(built)
        made = built.to_dict()
    except SlackObjectFormationError as error:
        return [("length" if "character" in str(error) or "between" in str(error) else "enum", str(error))]
    except (TypeError, AttributeError, KeyError) as error:
        return [("missing" if "missing" in str(error) else "type", str(error))]
    return [("altered", difference) for difference in differences(given, made, "")]


def validate(model):
    """The validators of a model and of all that is in it: `to_dict` of the whole asks only the outermost."""
    model.validate_json()
    for value in vars(model).values():
        for part in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(part, JsonObject):
                validate(part)


def differences(given, made, place):
    """Where what comes out of a model is not what went in."""
    if isinstance(given, dict) and isinstance(made, dict):
        found = []
        for name in given.keys() | made.keys():
            if name not in made:
                # slack_sdk leaves out what says nothing.
                if given[name] not in (None, "", []):
                    found.append(f"{place}/{name} is lost")
            elif name not in given:
                found.append(f"{place}/{name} is added")
            else:
                found += differences(given[name], made[name], f"{place}/{name}")
        return found
    if isinstance(given, list) and isinstance(made, list) and len(given) == len(made):
        return [one for number, pair in enumerate(zip(given, made)) for one in differences(*pair, f"{place}/{number}")]
    return [] if given == made else [f"{place}: {given!r:.60} became {made!r:.60}"]


# What the published replies cannot describe, for they are made from samples: what apps put there themselves. Blocks
# and metadata are judged by their own, stricter types.
OF_APPS = {"blocks", "event_payload", "values"}


def sampled(reply):
    """A reply without nulls, which the samples do not know, and without what is an app's own."""
    if isinstance(reply, dict):
        return {name: sampled(value) for name, value in reply.items() if value is not None and name not in OF_APPS}
    return [sampled(value) for value in reply] if isinstance(reply, list) else reply


def messages(reply):
    """The messages of a reply, each with its place."""
    if isinstance(reply.get("message"), dict):
        yield "reply.message", reply["message"]
    for number, message in enumerate(reply.get("messages") or []):
        yield f"reply.messages[{number}]", message


def kind_of(objection):
    for words, kind in [
        ("required property", "missing"),
        ("additional properties", "unknown member"),
        ("allowed values", "enum"),
        ("equal to constant", "enum"),
        ("fewer than", "length"),
        ("more than", "length"),
    ]:
        if words in objection:
            return kind
    return "type"


def fits(annotation, value):
    """Whether a value, which a form carries as a string, is what an annotation of slack_sdk says."""
    origin = typing.get_origin(annotation)
    if annotation is inspect.Parameter.empty or annotation is typing.Any:
        return True
    if origin is typing.Union:
        return any(fits(one, value) for one in typing.get_args(annotation))
    if annotation is type(None):
        return value is None
    if annotation is str:
        return isinstance(value, str)
    if annotation is bool:
        return isinstance(value, bool) or value in ("true", "false", "0", "1")
    if annotation is int:
        return (isinstance(value, int) and not isinstance(value, bool)) or (isinstance(value, str) and value.isdigit())
    if origin in (list, tuple, collections.abc.Sequence):
        return isinstance(value, list)
    return isinstance(value, dict)
