"""Holds raw replies against the output shapes that botocore carries.

botocore's parser overlooks members that it does not know and takes what it gets for the rest, so a reply can be wrong
and still be parsed. Here nothing is overlooked.
"""

import datetime
import json
import re
import xml.etree.ElementTree as xml

from botocore.parsers import RpcV2CBORParser

NUMBERS = {"integer": int, "long": int, "float": (int, float), "double": (int, float)}
CBOR = "smithy-rpc-v2-cbor"

# Where a model lists too few values: an event about a stack itself carries the stack's status.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
ALSO = {"ResourceStatus": ["UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"]}


class Auditor:
    """Looks at every reply of the clients that it watches."""

    def __init__(self):
        self.replies = {}

    def watch(self, client):
        client.meta.events.register("before-parse", self.look)
        return client

    def look(self, operation_model, response_dict, **_more):
        service = operation_model.service_model
        name = f"{service.service_name}.{operation_model.name}"
        assert "x-amzn-requestid" in {header.lower() for header in response_dict["headers"]}, f"{name}: no request id"
        self.replies[name] = self.replies.get(name, 0) + 1
        body = response_dict["body"]
        if service.protocol == "rest-json":
            findings = list(of_rest_json(operation_model, response_dict, name))
        elif response_dict["status_code"] >= 300:
            findings = list(of_refusal(operation_model, body, name))
        elif service.resolved_protocol == CBOR:
            shape = operation_model.output_shape
            findings = list(of_json(shape, of_cbor(body), name)) if shape else []
        elif service.protocol == "json":
            shape = operation_model.output_shape
            # An operation without an output shape has nothing to say.
            findings = list(of_json(shape, json.loads(body), name)) if shape else []
        else:
            findings = list(of_xml(operation_model, body, name))
        assert not findings, "\n".join(findings)


def of_cbor(body):
    """The value in a body of CBOR; times are times."""
    parser = RpcV2CBORParser()
    return parser.parse_data_item(parser.get_peekable_stream_from_bytes(body))


def of_refusal(operation_model, body, at):
    """What is wrong with an error reply. Errors that the model does not list, such as those of signatures, pass."""
    is_cbor = operation_model.service_model.resolved_protocol == CBOR
    if not is_cbor and operation_model.service_model.protocol != "json":
        root = xml.fromstring(body)
        names = [child.tag.rsplit("}", 1)[-1] for part in root for child in part]
        if root.tag.rsplit("}", 1)[-1] != "ErrorResponse" or not {"Type", "Code", "Message"} <= set(names):
            yield f"{at}: the error has {', '.join(names)}"
        return
    value = of_cbor(body) if is_cbor else json.loads(body)
    code = value.pop("__type", None)
    if not code or not value.get("message"):
        yield f"{at}: an error without __type or message"
    for shape in operation_model.error_shapes:
        if shape.error_code == code:
            # Every error bears a message, also those whose shape has no members (StageNotFoundException).
            told = {name: one for name, one in value.items() if name in shape.members or name != "message"}
            yield from of_json(shape, told, f"{at} {code}")


def of_rest_json(operation_model, response_dict, at):
    """What is wrong with a reply of the REST protocol with JSON bodies: a refusal has its code in a header."""
    status = response_dict["status_code"]
    value = json.loads(response_dict["body"] or b"{}")
    if status < 300:
        if status != operation_model.http.get("responseCode", 200):
            yield f"{at}: HTTP {status}"
        yield from of_json(operation_model.output_shape, value, at)
        return
    headers = {name.lower(): text for name, text in response_dict["headers"].items()}
    code = headers.get("x-amzn-errortype")
    if not code or not value.get("message"):
        yield f"{at}: an error without x-amzn-errortype or message"
    for shape in operation_model.error_shapes:
        if shape.name == code and shape.metadata.get("error", {}).get("httpStatusCode", status) != status:
            yield f"{at}: {code} with HTTP {status}"


def of_json(shape, value, at):
    """What is wrong with a value of the JSON protocol."""
    kind = shape.type_name
    if kind == "structure":
        if not isinstance(value, dict):
            yield f"{at}: {value!r} is no structure"
            return
        members = {member.serialization.get("name", name): member for name, member in shape.members.items()}
        for name in shape.required_members:
            if name not in value:
                yield f"{at}: {name} is missing"
        for name, item in value.items():
            if name not in members:
                yield f"{at}: {shape.name} has no member {name}"
            elif item is None:
                yield f"{at}.{name}: null; an absent member is left out"
            else:
                yield from of_json(members[name], item, f"{at}.{name}")
    elif kind == "list":
        if not isinstance(value, list):
            yield f"{at}: {value!r} is no list"
            return
        for number, item in enumerate(value):
            yield from of_json(shape.member, item, f"{at}[{number}]")
    elif kind == "map":
        if not isinstance(value, dict):
            yield f"{at}: {value!r} is no map"
            return
        for name, item in value.items():
            yield from of_json(shape.value, item, f"{at}[{name}]")
    elif kind == "string":
        if not isinstance(value, str):
            yield f"{at}: {value!r} is no string"
        elif shape.enum and value not in shape.enum:
            yield f"{at}: {value!r} is none of {', '.join(shape.enum)}"
    elif kind == "boolean":
        if not isinstance(value, bool):
            yield f"{at}: {value!r} is no boolean"
    elif kind == "timestamp" and isinstance(value, datetime.datetime):
        pass
    elif kind == "timestamp":
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 1_500_000_000 < value < 5_000_000_000:
            yield f"{at}: {value!r} is no time in seconds"
    elif kind in NUMBERS:
        if isinstance(value, bool) or not isinstance(value, NUMBERS[kind]):
            yield f"{at}: {value!r} is no {kind}"
    else:
        yield f"{at}: {kind} is not looked at here"


def of_xml(operation_model, body, at):
    """What is wrong with a reply of the query protocol."""
    root = xml.fromstring(body)
    space = "{%s}" % operation_model.service_model.metadata["xmlNamespace"]
    if root.tag != f"{space}{operation_model.name}Response":
        yield f"{at}: the root is {root.tag}"
        return
    parts = {part.tag.removeprefix(space): part for part in root}
    if operation_model.output_shape is None:
        # The operation has nothing to say: whatever stands there beside the request's id is empty.
        extra = [name for name, part in parts.items() if name != "ResponseMetadata" and len(part)]
        if extra or "ResponseMetadata" not in parts:
            yield f"{at}: has {', '.join(sorted(parts))}, and the operation has no output"
        return
    wrapper = operation_model.output_shape.serialization["resultWrapper"]
    if set(parts) != {wrapper, "ResponseMetadata"}:
        yield f"{at}: has {', '.join(sorted(parts))}"
        return
    if not (parts["ResponseMetadata"].findtext(f"{space}RequestId") or ""):
        yield f"{at}: no RequestId"
    yield from of_element(operation_model.output_shape, parts[wrapper], at, space)


def of_element(shape, element, at, space):
    kind = shape.type_name
    text = element.text or ""
    if kind == "structure":
        members = {member.serialization.get("name", name): member for name, member in shape.members.items()}
        seen = [child.tag.removeprefix(space) for child in element]
        for name in shape.required_members:
            if name not in seen:
                yield f"{at}: {name} is missing"
        for name in {name for name in seen if seen.count(name) > 1}:
            yield f"{at}: {name} stands there more than once"
        for name, child in zip(seen, element):
            if name not in members:
                yield f"{at}: {shape.name} has no member {name}"
            else:
                yield from of_element(members[name], child, f"{at}.{name}", space)
    elif kind == "list":
        wanted = shape.member.serialization.get("name", "member")
        for number, child in enumerate(element):
            if child.tag != f"{space}{wanted}":
                yield f"{at}[{number}]: is called {child.tag}"
            else:
                yield from of_element(shape.member, child, f"{at}[{number}]", space)
    elif len(element):
        yield f"{at}: has elements inside"
    elif kind == "string":
        if shape.enum and text not in [*shape.enum, *ALSO.get(shape.name, [])]:
            yield f"{at}: {text!r} is none of {', '.join(shape.enum)}"
    elif kind == "boolean":
        if text not in ("true", "false"):
            yield f"{at}: {text!r} is no boolean"
    elif kind == "timestamp":
        if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", text):
            yield f"{at}: {text!r} is no time"
    elif kind in ("integer", "long"):
        if not re.fullmatch(r"-?\d+", text):
            yield f"{at}: {text!r} is no {kind}"
    else:
        yield f"{at}: {kind} is not looked at here"
