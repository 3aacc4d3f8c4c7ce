"""Holds calls of AWS against the service models that botocore carries.

botocore's own validator knows neither enums nor patterns nor upper bounds, and nothing of replies: this walks the
shapes itself. Every service that botocore knows is judged, by the protocol that its model names; nothing here is about
one of them but what AWS publishes outside of the models.
"""

import regex
import botocore.session

from verdict import Violation

# Where several services of botocore have the name in the credential scope that a recording has.
NAMES = {"elasticloadbalancing": "elbv2", "monitoring": "cloudwatch"}

# What every service may answer (IAM and signature version 4; the reference calls them common errors).
COMMON_ERRORS = {
    "AccessDenied", "AccessDeniedException", "ExpiredToken", "ExpiredTokenException", "IncompleteSignature",
    "IncompleteSignatureException", "InternalFailure", "InternalServerError", "InvalidAction", "InvalidClientTokenId",
    "InvalidParameterValue", "InvalidSignatureException", "MalformedInput", "MissingAuthenticationToken",
    "MissingAuthenticationTokenException", "RequestExpired", "SerializationException", "ServiceUnavailable",
    "ServiceUnavailableException", "SignatureDoesNotMatch", "Throttling", "ThrottlingException",
    "UnknownOperationException", "UnrecognizedClientException", "ValidationError", "ValidationException",
}  # fmt: skip

# What a service may answer to any of its operations, where its model lists hardly any errors:
# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
SERVICE_ERRORS = {
    "s3": {
        "InternalError", "InvalidArgument", "InvalidBucketName", "InvalidRequest", "MalformedXML", "MethodNotAllowed",
        "BadDigest", "IllegalVersioningConfigurationException", "IncompleteBody", "NoSuchBucket", "NoSuchKey",
        "NoSuchVersion", "NotFound", "NotImplemented", "NotModified", "PreconditionFailed", "SlowDown",
    },
    # https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_InvalidationBatch.html has the first.
    "cloudfront": {"InvalidationBatchAlreadyExists", "MalformedXML"},
}  # fmt: skip

# Where a model lists too few values: an event about a stack itself carries the stack's status.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
ALSO = {("cloudformation", "ResourceStatus"): "StackStatus"}

SCALARS = {
    "string": str, "character": str, "blob": str, "boolean": bool, "integer": int, "long": int,
    "float": (int, float), "double": (int, float), "bigdecimal": (int, float),
}  # fmt: skip


class AwsJudge:
    """Knows every service that botocore knows."""

    def __init__(self):
        self.session = botocore.session.get_session()
        self.models = {}

    def model(self, service):
        if service not in self.models:
            self.models[service] = self.session.get_service_model(self.named(service))
        return self.models[service]

    def named(self, service):
        """botocore's name of the service whose name in credential scopes this is."""
        known = self.session.get_available_services()
        if service in NAMES or service in known:
            return NAMES.get(service, service)
        for name in known:
            if service in (self.session.get_service_model(name).signing_name, name.replace("-", "")):
                return name
        return service

    def request(self, call):
        operation = self.operation(call)
        if isinstance(operation, Violation):
            return [operation]
        found = []
        if operation.input_shape is not None and call["request"] is not None:
            Walk(self.model(call["service"]), found).value(operation.input_shape, call["request"], "request")
        return found

    def reply(self, call):
        operation = self.operation(call)
        if isinstance(operation, Violation):
            return []
        found = []
        model = self.model(call["service"])
        if call["status"] < 300:
            if operation.output_shape is not None:
                Walk(model, found).value(operation.output_shape, call["reply"], "reply")
            elif call["reply"]:
                found.append(Violation("unknown member", "reply", "the operation has no output", "botocore"))
        else:
            self.error(model, operation, call, found)
        return found

    def operation(self, call):
        try:
            return self.model(call["service"]).operation_model(call["operation"])
        except Exception as error:  # botocore has an exception for each way of not knowing it
            return Violation("unknown member", "operation", str(error), "botocore")

    def error(self, model, operation, call, found):
        reply = call["reply"] or {}
        code = reply.get("__type", "").rsplit("#", 1)[-1]
        shapes = {shape.metadata.get("error", {}).get("code", shape.name): shape for shape in operation.error_shapes}
        shapes |= {shape.name: shape for shape in operation.error_shapes}
        shape = shapes.get(code)
        if shape is None:
            if code not in COMMON_ERRORS | SERVICE_ERRORS.get(call["service"], set()):
                what = f"{code!r} is none of this operation's errors: {reply.get('message', '')}"
                found.append(Violation("error code", "reply", what, "botocore"))
            return
        status = shape.metadata.get("error", {}).get("httpStatusCode")
        if status is not None and status != call["status"]:
            found.append(Violation("error code", "reply", f"{code} comes with {status}, not {call['status']}", "botocore"))
        members = {name: value for name, value in call["reply"].items() if name not in ("__type", "message", "Message")}
        Walk(model, found).value(shape, members, "reply")


class Walk:
    """One value against one shape."""

    def __init__(self, model, found):
        self.model = model
        protocol = model.metadata["protocol"]
        # Of the protocols that a service speaks, recordings are after the one in JSON; CBOR has numbers for times too.
        spoken = [protocol, *model.metadata.get("protocols", [])]
        self.is_json = any("json" in one or "cbor" in one for one in spoken)
        # Of these a recording may have a member's own name or the one that it has on the wire: in a header, a path or
        # an element.
        self.is_rest = protocol.startswith("rest")
        self.found = found

    def wrong(self, kind, place, what):
        self.found.append(Violation(kind, place, what, "botocore"))

    def value(self, shape, value, place):
        if shape.type_name == "structure":
            self.structure(shape, value, place)
        elif shape.type_name == "list":
            if self.is_a(list, shape, value, place):
                self.bounds("length", shape, len(value), place)
                for number, item in enumerate(value):
                    self.value(shape.member, item, f"{place}[{number}]")
        elif shape.type_name == "map":
            if self.is_a(dict, shape, value, place):
                self.bounds("length", shape, len(value), place)
                for key, item in value.items():
                    self.value(shape.key, key, f"{place}.{key} (the key)")
                    self.value(shape.value, item, f"{place}.{key}")
        elif shape.type_name == "timestamp":
            form = shape.serialization.get("timestampFormat", "unixTimestamp" if self.is_json else "iso8601")
            self.is_a((int, float) if form == "unixTimestamp" else str, shape, value, place)
        else:
            self.scalar(shape, value, place)

    def structure(self, shape, value, place):
        if getattr(shape, "is_document_type", False) or not self.is_a(dict, shape, value, place):
            return
        members = {one: member for name, member in shape.members.items() for one in self.names(name, member)}
        for name in shape.required_members:
            if not any(one in value for one in self.names(name, shape.members[name])):
                self.wrong("missing", f"{place}.{name}", f"{shape.name} requires it")
        for name, item in value.items():
            if name not in members:
                self.wrong("unknown member", f"{place}.{name}", f"{shape.name} has no such member")
            else:
                self.value(members[name], item, f"{place}.{name}")
        if getattr(shape, "is_tagged_union", False) and len(value) != 1:
            self.wrong("type", place, f"{shape.name} is a union: one member is set, not {len(value)}")

    def names(self, name, member):
        """What a member may be called in a recording."""
        on_the_wire = member.serialization.get("name", name)
        if self.is_rest:
            return {name, on_the_wire}
        return {on_the_wire} if self.is_json else {name}

    def scalar(self, shape, value, place):
        if not self.is_a(SCALARS[shape.type_name], shape, value, place):
            return
        if isinstance(value, str):
            if shape.type_name == "string":
                self.bounds("length", shape, len(value), place)
                known = self.enum(shape)
                if known and value not in known:
                    self.wrong("enum", place, f"{value!r} is none of {', '.join(known)}")
                pattern = shape.metadata.get("pattern")
                if pattern and not regex.fullmatch(pattern, value):
                    self.wrong("pattern", place, f"{value!r} does not match {pattern}")
        elif not isinstance(value, bool):
            self.bounds("range", shape, value, place)

    def enum(self, shape):
        also = ALSO.get((self.model.service_name, shape.name))
        return shape.enum + self.model.shape_for(also).enum if also else shape.enum

    def is_a(self, expected, shape, value, place):
        good = isinstance(value, expected) and (not isinstance(value, bool) or expected is bool)
        if not good:
            self.wrong("type", place, f"{shape.name} is a {shape.type_name}, not {type(value).__name__}")
        return good

    def bounds(self, kind, shape, size, place):
        least, most = shape.metadata.get("min"), shape.metadata.get("max")
        if least is not None and size < least:
            self.wrong(kind, place, f"{size} is less than {least}")
        if most is not None and size > most:
            self.wrong(kind, place, f"{size} is more than {most}")
