"""Violations planted into good calls, one of each kind for each judge: a judge that misses one is no judge."""

import json

SERVICE = "arn:aws:ecs:eu-north-1:123456789012:service/shop/api"
GROUP = "arn:aws:elasticloadbalancing:eu-north-1:123456789012:targetgroup/shop/0123456789abcdef"


def call(service, operation, request, reply, status=200):
    return {
        "number": 0, "service": service, "operation": operation, "writes": False,
        "request": request, "reply": reply, "status": status,
    }  # fmt: skip


def good():
    """Calls against which nothing can be said."""
    section = {"type": "section", "text": {"type": "mrkdwn", "text": "*prod api*"}, "block_id": "a"}
    button = {"type": "button", "text": {"type": "plain_text", "text": "Stop"}, "action_id": "stop", "style": "danger"}
    actions = {"type": "actions", "elements": [button], "block_id": "b"}
    metadata = {"event_type": "rollbot", "event_payload": {"incident": "rb-7k3fq"}}
    view = {
        "type": "modal",
        "title": {"type": "plain_text", "text": "Approve"},
        "submit": {"type": "plain_text", "text": "Approve"},
        "blocks": [section],
    }
    return {
        "describe": call(
            "ecs",
            "DescribeServices",
            {"cluster": "shop", "services": [SERVICE], "include": ["TAGS"]},
            {"services": [{"serviceArn": SERVICE, "desiredCount": 2, "launchType": "FARGATE", "createdAt": 1.5}]},
        ),
        "update": call(
            "ecs",
            "UpdateService",
            {"service": SERVICE, "taskDefinition": "api:3"},
            {"__type": "ServiceNotFoundException", "message": "Service not found."},
            400,
        ),
        "images": call(
            "ecr",
            "DescribeImages",
            {"repositoryName": "shop/api", "imageIds": [{"imageTag": "v42"}]},
            {"imageDetails": [{"imageDigest": "sha256:" + "42" * 32, "imageTags": ["v42"], "imagePushedAt": 1.5}]},
        ),
        "health": call(
            "elasticloadbalancing",
            "DescribeTargetHealth",
            {"TargetGroupArn": GROUP, "Targets": [{"Id": "10.0.0.1", "Port": 8080}]},
            {"TargetHealthDescriptions": [{"Target": {"Id": "10.0.0.1"}, "TargetHealth": {"State": "healthy"}}]},
        ),
        "assume": call(
            "sts",
            "AssumeRole",
            {"RoleArn": "arn:aws:iam::123456789012:role/rollbot", "RoleSessionName": "rb-7k3fq"},
            {
                "Credentials": {
                    "AccessKeyId": "AKIASANDBOX00000", "SecretAccessKey": "x", "SessionToken": "x",
                    "Expiration": "2026-11-20T12:00:00Z",
                }
            },  # fmt: skip
        ),
        "transition": call(
            "codepipeline",
            "DisableStageTransition",
            {"pipelineName": "shop", "stageName": "Deploy", "transitionType": "Inbound", "reason": "rb-7k3fq"},
            {},
        ),
        "stack": call(
            "cloudformation",
            "DescribeStacks",
            {"StackName": "shop"},
            {
                "Stacks": [
                    {"StackName": "shop", "CreationTime": "2026-11-20T12:00:00Z", "StackStatus": "UPDATE_COMPLETE"}
                ]
            },
        ),
        "object": call(
            "s3",
            "GetObject",
            {"Bucket": "shop-templates", "Key": "shop.yml", "VersionId": "1"},
            {"Body": "Resources: {}", "ETag": '"1"', "ContentLength": 13, "x-amz-version-id": "1"},
        ),
        "missing": call(
            "s3", "GetObject", {"Bucket": "shop", "Key": "x"}, {"__type": "NoSuchBucket", "message": "None."}, 404
        ),
        "job": call(
            "amplify",
            "StartJob",
            {"appId": "d1a2b3c4", "branchName": "main", "jobType": "RELEASE"},
            {
                "jobSummary": {
                    "jobArn": "arn:aws:amplify:eu-north-1:123456789012:apps/d1a2b3c4/branches/main/jobs/8", "jobId": "8",
                    "commitId": "HEAD", "commitMessage": "", "commitTime": 1.5, "startTime": 1.5, "status": "PENDING",
                    "jobType": "RELEASE",
                }
            },  # fmt: skip
        ),
        "alias": call(
            "lambda",
            "UpdateAlias",
            {"FunctionName": "jobs", "Name": "live", "FunctionVersion": "41"},
            {"Name": "live", "FunctionVersion": "41", "RevisionId": "a"},
        ),
        "invalidate": call(
            "cloudfront",
            "CreateInvalidation",
            {
                "DistributionId": "E1",
                "InvalidationBatch": {"Paths": {"Quantity": 1, "Items": ["/*"]}, "CallerReference": "rb-7k3fq"},
            },
            {"Location": "https://cloudfront.amazonaws.com/"},
        ),
        "events": call(
            "logs", "FilterLogEvents", {"logGroupName": "/shop/api", "limit": 10}, {"events": [{"timestamp": 1}]}
        ),
        "secret": call("secretsmanager", "DescribeSecret", {"SecretId": "shop"}, {"Name": "shop", "CreatedDate": 1.5}),
        "parameter": call(
            "ssm", "GetParameter", {"Name": "/shop"}, {"Parameter": {"Name": "/shop", "Type": "String", "Value": "1"}}
        ),
        "post": call(
            "slack",
            "chat.postMessage",
            {"channel": "C0INC00001", "text": "prod api", "blocks": [section, actions], "metadata": metadata},
            {"ok": True, "channel": "C0INC00001", "ts": "1.2", "message": {"text": "prod api", "blocks": [section]}},
        ),
        "open": call(
            "slack",
            "views.open",
            {"trigger_id": "1.2", "view": view},
            {"ok": True, "view": view | {"id": "V1", "hash": "1.a", "private_metadata": "", "close": None}},
        ),
        "user": call("slack", "users.info", {"user": "U1"}, {"ok": False, "error": "user_not_found"}),
        "respond": call("slack-response-url", "respond", {"text": "No.", "response_type": "ephemeral"}, {"ok": True}),
    }


SECTION, ELEMENT = ("request", "blocks", 0), ("request", "blocks", 1, "elements", 0)

# Which call, where, what is put there (None: it is taken away), and the kind and the judge that find it.
PLANTS = [
    ("describe", ("request", "clusterr"), "shop", "unknown member", "botocore"),
    ("describe", ("reply", "services", 0, "serviceARN"), SERVICE, "unknown member", "botocore"),
    ("describe", ("request", "services"), None, "missing", "botocore"),
    ("describe", ("request", "services"), SERVICE, "type", "botocore"),
    ("describe", ("request", "include"), ["TAG"], "enum", "botocore"),
    ("describe", ("reply", "services", 0, "launchType"), "LAMBDA", "enum", "botocore"),
    ("describe", ("reply", "services", 0, "desiredCount"), "2", "type", "botocore"),
    ("describe", ("reply", "services", 0, "desiredCount"), None, None, None),
    ("describe", ("reply", "services", 0, "createdAt"), "2026-11-20T12:00:00Z", "type", "botocore"),
    ("describe", ("operation",), "DescribeService", "unknown member", "botocore"),
    ("update", ("reply", "__type"), "NoSuchServiceException", "error code", "botocore"),
    ("update", ("reply", "reason"), "gone", "unknown member", "botocore"),
    ("images", ("request", "repositoryName"), "Shop/Api", "pattern", "botocore"),
    ("images", ("request", "repositoryName"), "a", "length", "botocore"),
    ("images", ("request", "maxResults"), 5000, "range", "botocore"),
    ("images", ("request", "imageIds"), [], "length", "botocore"),
    ("health", ("request", "TargetGroupArn"), None, "missing", "botocore"),
    ("health", ("request", "Targets", 0, "Port"), 70000, "range", "botocore"),
    ("health", ("reply", "TargetHealthDescriptions", 0, "TargetHealth", "State"), "fine", "enum", "botocore"),
    ("assume", ("request", "RoleSessionName"), "rb 7k3fq", "pattern", "botocore"),
    ("assume", ("reply", "Credentials", "SecretAccessKey"), None, "missing", "botocore"),
    ("assume", ("reply", "Credentials", "Expiration"), 1.5, "type", "botocore"),
    ("transition", ("request", "transitionType"), "Sideways", "enum", "botocore"),
    ("transition", ("request", "reason"), "x" * 301, "length", "botocore"),
    ("transition", ("request", "pipelineName"), "shop prod", "pattern", "botocore"),
    ("stack", ("reply", "Stacks", 0, "StackStatus"), "FINE", "enum", "botocore"),
    ("stack", ("reply", "Stacks", 0, "CreationTime"), 1.5, "type", "botocore"),
    ("stack", ("reply", "Stacks", 0, "StackName"), None, "missing", "botocore"),
    ("object", ("request", "Bucket"), None, "missing", "botocore"),
    ("object", ("reply", "Template"), "x", "unknown member", "botocore"),
    ("object", ("reply", "ContentLength"), "13", "type", "botocore"),
    ("missing", ("reply", "__type"), "BucketIsGone", "error code", "botocore"),
    ("job", ("request", "jobType"), "ROLLBACK", "enum", "botocore"),
    ("job", ("reply", "jobSummary", "status"), None, "missing", "botocore"),
    ("job", ("reply", "jobSummary", "startTime"), "2026-11-20T12:00:00Z", "type", "botocore"),
    ("alias", ("request", "FunctionVersion"), "latest", "pattern", "botocore"),
    ("alias", ("reply", "Revision"), "a", "unknown member", "botocore"),
    ("invalidate", ("request", "InvalidationBatch", "CallerReference"), None, "missing", "botocore"),
    ("events", ("request", "limit"), 10_001, "range", "botocore"),
    ("secret", ("reply", "CreatedDate"), "2026-11-20T12:00:00Z", "type", "botocore"),
    ("parameter", ("reply", "Parameter", "Type"), "Text", "enum", "botocore"),
    ("post", ("request", "chanel"), "C0INC00001", "unknown member", "slack_sdk"),
    ("post", ("request", "channel"), None, "missing", "slack_sdk"),
    ("post", ("request", "unfurl_links"), "perhaps", "type", "slack_sdk"),
    ("post", ("request", "text"), "x" * 40_001, "length", "slack_sdk"),
    ("post", (*SECTION, "text", "text"), "x" * 3001, "length", "slack_sdk"),
    ("post", (*SECTION, "colour"), "red", "altered", "slack_sdk"),
    ("post", (*SECTION, "colour"), "red", "unknown member", "@slack/types"),
    ("post", (*SECTION, "text", "type"), "markdown", "type", "@slack/types"),
    ("post", (*ELEMENT, "style"), "blue", "enum", "@slack/types"),
    ("post", (*ELEMENT, "style"), "blue", "enum", "slack_sdk"),
    ("post", (*ELEMENT, "text"), None, "missing", "@slack/types"),
    ("post", (*ELEMENT, "text"), None, "missing", "slack_sdk"),
    ("post", (*ELEMENT, "text", "text"), "x" * 76, "length", "slack_sdk"),
    ("post", (*ELEMENT, "value"), 3, "type", "@slack/types"),
    ("post", ("request", "blocks"), [{"type": "divider"}] * 51, "length", "slack_sdk"),
    ("post", ("request", "metadata", "event_payload"), None, "missing", "@slack/types"),
    ("post", ("reply", "timestamp"), "1.2", "unknown member", "@slack/types"),
    ("post", ("reply", "ts"), 1.2, "type", "@slack/types"),
    ("post", ("reply", "message", "blocks", 0, "colour"), "red", "altered", "slack_sdk"),
    ("post", ("reply", "ok"), "yes", "type", "slack_sdk"),
    ("post", ("operation",), "chat.shout", "unknown member", "slack_sdk"),
    ("open", ("request", "view", "title", "text"), "x" * 25, "length", "slack_sdk"),
    ("open", ("request", "view", "title"), None, "missing", "@slack/types"),
    ("open", ("request", "view", "subtitle"), "x", "unknown member", "@slack/types"),
    ("open", ("request", "view", "private_metadata"), 3, "type", "@slack/types"),
    ("open", ("reply", "view", "blocks", 0, "colour"), "red", "altered", "slack_sdk"),
    ("user", ("reply", "error"), None, "missing", "slack_sdk"),
    ("user", ("reply", "user"), {}, "unknown member", "@slack/types"),
    ("respond", ("request", "response_type"), "loud", "enum", "slack_sdk"),
    ("respond", ("request", "channel"), "C0INC00001", "unknown member", "slack_sdk"),
]


def planted(one, path, value):
    one = json.loads(json.dumps(one))
    inside = one
    for step in path[:-1]:
        inside = inside[step]
    if value is None:
        del inside[path[-1]]
    else:
        inside[path[-1]] = value
    return one


def all_found(judge):
    """Says what was missed; true if nothing was, and nothing was found where nothing was planted."""
    wrong, missed = [], 0
    for name, one in good().items():
        wrong += [f"nothing was planted in {name}: {violation}" for violation in sum(judge(one), [])]
    for name, path, value, kind, who in PLANTS:
        found = sum(judge(planted(good()[name], path, value)), [])
        where = f"{name} {'.'.join(map(str, path))}"
        if kind is None:
            wrong += [f"{where} may be left out: {violation}" for violation in found]
        elif not any(violation.kind == kind and violation.judge == who for violation in found):
            missed += 1
            wrong.append(f"{where}: {who} finds no {kind}, but {[str(violation) for violation in found]}")
    mistakes = sum(kind is not None for _, _, _, kind, _ in PLANTS)
    print("\n".join(wrong + [f"planted mistakes found: {mistakes - missed} of {mistakes}"]))
    return not wrong
