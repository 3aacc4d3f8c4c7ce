"""boto3 drives the stand-in for AWS: python drive_aws.py ENDPOINT finished|in-flight|pipeline|lambda

`finished`: the deployment of api:4 has succeeded, and the service is taken back to api:3 with UpdateService.
`in-flight`: the deployment of api:4 is under way, and is taken back with StopServiceDeployment.
`lambda`: an alias with a weight is pointed elsewhere; code and settings of a version are given to `$LATEST`.
`pipeline`: a stage of a pipeline is rolled back, run again and held; a build deploys an earlier commit.
Every reply is held against botocore's own output shapes.
"""

import json
import sys
import time
import urllib.error
import urllib.request

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from shapes import Auditor, of_json

ACCOUNT, REGION, CLUSTER, SERVICE = "123456789012", "eu-north-1", "shop-prod", "api"
KEYS = {"aws_access_key_id": "AKIASANDBOX", "aws_secret_access_key": "sandbox"}
PATIENCE = 60
# By revision of the task definition.
DIGESTS = {number: "sha256:" + f"{number + 39}" * 32 for number in (1, 2, 3, 4)}


def say(words):
    print(words, flush=True)


class Aws:
    def __init__(self, endpoint):
        self.endpoint = endpoint
        self.auditor = Auditor()
        self.sts = self.client("sts", **KEYS)
        self.ecs = self.client("ecs", **KEYS)
        self.ecr = self.client("ecr", **KEYS)
        self.elb = self.client("elbv2", **KEYS)

    def client(self, service, region=REGION, **keys):
        once = Config(retries={"total_max_attempts": 1}, proxies={})
        made = speaks_json().client(service, region_name=region, endpoint_url=self.endpoint, config=once, **keys)
        return self.auditor.watch(made)

    def service(self):
        reply = self.ecs.describe_services(cluster=CLUSTER, services=[SERVICE], include=["TAGS"])
        assert reply["failures"] == [], reply["failures"]
        return reply["services"][0]

    def deployments(self):
        """Every service deployment, newest first, one a page."""
        found, token = [], {}
        while True:
            page = self.ecs.list_service_deployments(cluster=CLUSTER, service=SERVICE, maxResults=1, **token)
            assert len(page["serviceDeployments"]) <= 1, page
            found += page["serviceDeployments"]
            if "nextToken" not in page:
                return found
            token = {"nextToken": page["nextToken"]}

    def deployment(self, arn):
        reply = self.ecs.describe_service_deployments(serviceDeploymentArns=[arn])
        assert reply["failures"] == [], reply["failures"]
        return reply["serviceDeployments"][0]

    def revision(self, arn):
        reply = self.ecs.describe_service_revisions(serviceRevisionArns=[arn])
        assert reply["failures"] == [], reply["failures"]
        return reply["serviceRevisions"][0]

    def running(self):
        """The tasks that the service wants running, by ARN."""
        pages = self.ecs.get_paginator("list_tasks").paginate(
            cluster=CLUSTER, serviceName=SERVICE, desiredStatus="RUNNING", PaginationConfig={"PageSize": 1})
        arns = [arn for page in pages for arn in page["taskArns"]]
        tasks = self.ecs.describe_tasks(cluster=CLUSTER, tasks=arns)
        assert tasks["failures"] == [], tasks["failures"]
        return tasks["tasks"]

    def health(self):
        group = self.elb.describe_target_groups(Names=["shop-api"])["TargetGroups"][0]["TargetGroupArn"]
        described = self.elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        return {one["Target"]["Id"]: one["TargetHealth"]["State"] for one in described}


def speaks_json():
    """A session that speaks JSON where a service has it: boto3 prefers CBOR, Rollbot's SDK and the stand-in do not."""
    session = boto3.Session()
    loader = session._session.get_component("data_loader")
    load = loader.load_service_model

    def loaded(*what, **more):
        model = load(*what, **more)
        metadata = model.get("metadata", {})
        if "json" in metadata.get("protocols", []):
            metadata["protocols"], metadata["protocol"] = ["json"], "json"
        return model

    loader.load_service_model = loaded
    return session


def until(what, look):
    """Polls until `look` returns something."""
    ends = time.monotonic() + PATIENCE
    while True:
        seen, done = look()
        if done:
            return seen
        assert time.monotonic() < ends, f"not seen in {PATIENCE} s: {what}; the last look: {seen}"
        time.sleep(0.1)


def refused(code, call, **request):
    """The call is refused with this code; returns the error."""
    try:
        call(**request)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error.response
        say(f"  refused as it should be: {code}: {error.response['Error']['Message']}")
        return error
    raise AssertionError(f"{request} was taken, not refused with {code}")


def raw(aws, operation, body):
    """Sends a signed request that boto3 itself would not let out: (status, reply)."""
    request = AWSRequest("POST", aws.endpoint + "/", data=json.dumps(body), headers={
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": f"AmazonEC2ContainerServiceV20141113.{operation}",
    })
    SigV4Auth(Credentials(*KEYS.values()), "ecs", REGION).add_auth(request)
    sent = urllib.request.Request(aws.endpoint + "/", request.data.encode(), dict(request.headers.items()))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(sent, timeout=10) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def wrong_replies(aws):
    """The audit itself finds what is wrong: members nobody knows, words of no enum, text for a number."""
    shape = aws.ecs.meta.service_model.operation_model("DescribeServices").output_shape
    for service, finding in [
        ({"serviceNam": "api"}, "Service has no member serviceNam"),
        ({"desiredCount": "2"}, "is no integer"),
        ({"createdAt": "2026-11-01T12:00:00Z"}, "is no time in seconds"),
        ({"launchType": "ROCKET"}, "is none of"),
        ({"roleArn": None}, "null"),
    ]:
        found = list(of_json(shape, {"services": [service]}, "reply"))
        assert len(found) == 1 and finding in found[0], (service, found)


def who(aws):
    caller = aws.sts.get_caller_identity()
    assert caller["Account"] == ACCOUNT and caller["Arn"].startswith(f"arn:aws:iam::{ACCOUNT}:user/"), caller
    role = f"arn:aws:iam::{ACCOUNT}:role/rollbot"
    keys = aws.sts.assume_role(RoleArn=role, RoleSessionName="rb-7k3fq", DurationSeconds=900)["Credentials"]
    left = keys["Expiration"].timestamp() - time.time()
    assert 800 < left <= 901, f"the keys are good for {left} s"
    temporary = {"aws_access_key_id": keys["AccessKeyId"], "aws_secret_access_key": keys["SecretAccessKey"]}
    assumed = aws.client("sts", aws_session_token=keys["SessionToken"], **temporary).get_caller_identity()
    assert assumed["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/rollbot/rb-7k3fq", assumed
    say(f"{caller['Arn']} becomes {assumed['Arn']}")
    refused("AccessDenied", aws.sts.assume_role, RoleArn=role + "-2", RoleSessionName="rb-7k3fq")
    forged = aws.client("sts", aws_session_token="forged", **temporary)
    refused("InvalidClientTokenId", forged.get_caller_identity)
    refused("UnrecognizedClientException", aws.client("ecs", aws_session_token="forged", **temporary).describe_clusters)


def images(aws):
    pages = aws.ecr.get_paginator("describe_images")
    found = [image for page in pages.paginate(repositoryName="shop/api", PaginationConfig={"PageSize": 2})
             for image in page["imageDetails"]]
    assert {image["imageDigest"] for image in found} == set(DIGESTS.values()), found
    by_tag = aws.ecr.describe_images(repositoryName="shop/api", imageIds=[{"imageTag": "v42"}])["imageDetails"]
    assert [image["imageDigest"] for image in by_tag] == [DIGESTS[3]], by_tag
    got = aws.ecr.batch_get_image(repositoryName="shop/api", imageIds=[{"imageTag": "v42"}, {"imageTag": "v1"}])
    assert [image["imageId"]["imageDigest"] for image in got["images"]] == [DIGESTS[3]], got
    assert [failure["failureCode"] for failure in got["failures"]] == ["ImageNotFound"], got
    say(f"{len(found)} images, v42 is {DIGESTS[3][:19]}")
    refused("ImageNotFoundException", aws.ecr.describe_images, repositoryName="shop/api", imageIds=[{"imageTag": "v1"}])
    refused("RepositoryNotFoundException", aws.ecr.describe_images, repositoryName="shop/none")
    refused("TargetGroupNotFound", aws.elb.describe_target_groups, Names=["none"])


def past(aws):
    """The history tells which task definition each deployment was for."""
    found = aws.deployments()
    times = [one["createdAt"] for one in found]
    assert len(found) == 4 and times == sorted(times, reverse=True), found
    definitions = []
    for one in found:
        told = aws.deployment(one["serviceDeploymentArn"])
        revision = aws.revision(told["targetServiceRevision"]["arn"])
        assert revision["serviceArn"] == one["serviceArn"] and revision["clusterArn"] == one["clusterArn"], revision
        name = revision["taskDefinition"].rsplit("/", 1)[1]
        digests = [image["imageDigest"] for image in revision["containerImages"]]
        assert digests == [DIGESTS[int(name.split(":")[1])]], revision
        definitions.append(name)
        say(f"  {one['serviceDeploymentArn'].rsplit('/', 1)[1]}: {one['status']}, {name}")
    assert definitions == ["api:4", "api:3", "api:2", "api:1"], definitions
    return found


def errors(aws):
    missing = aws.ecs.describe_services(cluster=CLUSTER, services=["nothing"])
    assert missing["services"] == [], missing
    assert [(one["reason"], one["arn"]) for one in missing["failures"]] == [
        ("MISSING", f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/{CLUSTER}/nothing")], missing
    aws.ecs.deregister_task_definition(taskDefinition="api:1")
    described = aws.ecs.describe_task_definition(taskDefinition="api:1")["taskDefinition"]
    assert described["status"] == "INACTIVE" and described["deregisteredAt"], described
    change = {"cluster": CLUSTER, "service": SERVICE}
    refused("ClientException", aws.ecs.update_service, taskDefinition="api:1", **change)
    refused("ClientException", aws.ecs.update_service, taskDefinition="api:99", **change)
    refused("ServiceNotFoundException", aws.ecs.update_service, cluster=CLUSTER, service="nothing")
    refused("ClusterNotFoundException", aws.ecs.describe_services, cluster="nowhere", services=[SERVICE])
    for operation, body, code in [
        ("DescribeServices", {"cluster": CLUSTER, "services": SERVICE}, "SerializationException"),
        ("UpdateService", {**change, "desiredCount": "two"}, "SerializationException"),
        ("UpdateService", {**change, "taskDefinition": 3}, "SerializationException"),
        ("UpdateService", {**change, "rollBack": True}, "SerializationException"),
        ("UpdateService", {"cluster": CLUSTER}, "InvalidParameterException"),
        ("ListTasks", {"cluster": CLUSTER, "desiredStatus": "ASLEEP"}, "InvalidParameterException"),
        ("MakeCoffee", {}, "UnknownOperationException"),
    ]:
        status, reply = raw(aws, operation, body)
        assert status == 400 and reply["__type"].rsplit("#", 1)[-1] == code, (operation, body, status, reply)
    assert aws.service()["taskDefinition"].endswith("/api:4"), "a refused call changed the service"
    say("  raw requests of the wrong form are refused")


def proof(aws, number):
    """What runs in the end is this revision, task by task, and the load balancer finds it healthy."""
    def look():
        states = aws.health()
        return states, sorted(states.values()) == ["healthy", "healthy"]

    until("two healthy targets and no other", look)
    tasks = aws.running()
    assert len(tasks) == 2, tasks
    for task in tasks:
        assert task["lastStatus"] == "RUNNING" and task["taskDefinitionArn"].endswith(f"/api:{number}"), task
        assert [one["imageDigest"] for one in task["containers"]] == [DIGESTS[number]], task
    say(f"two tasks run api:{number}, {DIGESTS[number][:19]}, and are healthy")


def finished(aws):
    wrong_replies(aws)
    who(aws)
    images(aws)
    past(aws)
    errors(aws)
    service = aws.service()
    assert [one["rolloutState"] for one in service["deployments"]] == ["COMPLETED"], service["deployments"]
    proof(aws, 4)
    updated = aws.ecs.update_service(cluster=CLUSTER, service=SERVICE, taskDefinition="api:3")["service"]
    primary = updated["deployments"][0]
    assert primary["status"] == "PRIMARY" and primary["rolloutState"] == "IN_PROGRESS", primary
    say(f"UpdateService to api:3 makes {primary['id']}")

    def rolled_out():
        deployments = aws.service()["deployments"]
        told = [(one["id"], one["rolloutState"], one["runningCount"]) for one in deployments]
        return told, told == [(primary["id"], "COMPLETED", 2)]

    until("the new deployment alone and COMPLETED", rolled_out)
    newest = aws.deployment(aws.deployments()[0]["serviceDeploymentArn"])
    assert newest["status"] == "SUCCESSFUL" and newest["finishedAt"] >= newest["startedAt"], newest
    assert aws.revision(newest["targetServiceRevision"]["arn"])["taskDefinition"].endswith("/api:3")
    # boto3's own waiter must see it the same way.
    aws.ecs.get_waiter("services_stable").wait(
        cluster=CLUSTER, services=[SERVICE], WaiterConfig={"Delay": 1, "MaxAttempts": 10})
    proof(aws, 3)
    error = refused("ConflictException", aws.ecs.stop_service_deployment,
                    serviceDeploymentArn=newest["serviceDeploymentArn"])
    assert error.response["resourceIds"] == [newest["serviceDeploymentArn"]], error.response


def in_flight(aws):
    current = past(aws)[0]
    assert current["status"] == "IN_PROGRESS", current
    arn = current["serviceDeploymentArn"]
    assert aws.service()["currentServiceDeployment"] == arn
    before = aws.deployment(arn)
    stopped = aws.ecs.stop_service_deployment(serviceDeploymentArn=arn, stopType="ROLLBACK")
    assert stopped["serviceDeploymentArn"] == arn, stopped
    say(f"StopServiceDeployment of {arn.rsplit('/', 1)[1]}")
    over = until("the deployment's rollback", lambda: (
        (told := aws.deployment(arn)), told["status"] in ("ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED", "STOPPED")))
    assert over["status"] == "ROLLBACK_SUCCESSFUL", over
    sources = [one["arn"] for one in before["sourceServiceRevisions"]]
    assert over["rollback"]["serviceRevisionArn"] in sources, (over, sources)
    assert aws.service()["taskDefinition"].endswith("/api:3")
    proof(aws, 3)
    refused("ConflictException", aws.ecs.stop_service_deployment, serviceDeploymentArn=arn)
    refused("ServiceDeploymentNotFoundException", aws.ecs.stop_service_deployment, serviceDeploymentArn=arn[:-3] + "xyz")
    refused("InvalidParameterException", aws.ecs.stop_service_deployment, serviceDeploymentArn=CLUSTER)


def pipeline(aws):
    """The pipeline of the scenario apgms, and its build project."""
    pipes, builds = aws.client("codepipeline", **KEYS), aws.client("codebuild", **KEYS)
    name = {"pipelineName": "Apgms"}
    stage = {**name, "stageName": "Staging"}
    listed = [one["name"] for page in pipes.get_paginator("list_pipelines").paginate() for one in page["pipelines"]]
    assert listed == ["Apgms"], listed
    declared = pipes.get_pipeline(name="Apgms")["pipeline"]
    assert [one["name"] for one in declared["stages"]] == ["Source", "Build", "Staging"], declared
    filtered = {"filter": {"succeededInStage": {"stageName": "Staging"}}}
    past = pipes.list_pipeline_executions(**name, **filtered)["pipelineExecutionSummaries"]
    assert len(past) == 3 and past[0]["startTime"] > past[1]["startTime"], past
    bad, good = past[0], past[1]
    say(f"{good['sourceRevisions'][0]['revisionSummary']}: {good['pipelineExecutionId']}")

    def stands():
        states = pipes.get_pipeline_state(name="Apgms")["stageStates"]
        return {one["stageName"]: one for one in states}["Staging"]

    def over(identity):
        def look():
            told = pipes.get_pipeline_execution(**name, pipelineExecutionId=identity)["pipelineExecution"]
            return told, told["status"] not in ("InProgress", "Stopping")
        return until(f"the end of {identity}", look)

    rolled = pipes.rollback_stage(**stage, targetPipelineExecutionId=good["pipelineExecutionId"])["pipelineExecutionId"]
    refused("UnableToRollbackStageException", pipes.rollback_stage, **stage,
            targetPipelineExecutionId=good["pipelineExecutionId"])
    told = over(rolled)
    assert (told["status"], told["executionType"]) == ("Succeeded", "ROLLBACK"), told
    assert told["rollbackMetadata"]["rollbackTargetPipelineExecutionId"] == good["pipelineExecutionId"], told
    latest = stands()["latestExecution"]
    assert (latest["pipelineExecutionId"], latest["status"]) == (rolled, "Succeeded"), latest
    refused("UnableToRollbackStageException", pipes.rollback_stage, **stage, targetPipelineExecutionId=rolled)
    refused("StageNotFoundException", pipes.rollback_stage, **name, stageName="Production",
            targetPipelineExecutionId=good["pipelineExecutionId"])
    refused("PipelineNotFoundException", pipes.get_pipeline_state, name="Nothing")

    closed = {**stage, "transitionType": "Inbound"}
    refused("ValidationException", pipes.disable_stage_transition, **closed, reason="held: by us")
    pipes.disable_stage_transition(**closed, reason="held by us")
    transition = stands()["inboundTransitionState"]
    assert not transition["enabled"] and transition["disabledReason"] == "held by us", transition
    revision = {"actionName": "GitHub", "revisionType": "COMMIT_ID",
                "revisionValue": bad["sourceRevisions"][0]["revisionId"]}
    start = {"name": "Apgms", "clientRequestToken": "rb-1-pipeline-1", "sourceRevisions": [revision]}
    first = pipes.start_pipeline_execution(**start)["pipelineExecutionId"]
    assert pipes.start_pipeline_execution(**start)["pipelineExecutionId"] == first, "the token names one execution"
    until("the execution waits in front of the stage", lambda: (
        (told := stands()), told.get("inboundExecution", {}).get("pipelineExecutionId") == first))
    pipes.stop_pipeline_execution(**name, pipelineExecutionId=first, reason="it is the bad one")
    assert over(first)["status"] == "Stopped"
    refused("PipelineExecutionNotStoppableException", pipes.stop_pipeline_execution, **name, pipelineExecutionId=first)
    pipes.enable_stage_transition(**closed)
    assert stands()["inboundTransitionState"]["enabled"]
    actions = pipes.list_action_executions(**name, filter={"pipelineExecutionId": rolled})["actionExecutionDetails"]
    assert [one["actionName"] for one in actions] == ["Deploy"], actions

    commit = good["sourceRevisions"][0]["revisionId"]
    order = {"projectName": "apgms-cdk-deploy", "sourceVersion": commit, "idempotencyToken": "rb-1-cdk-1"}
    build = builds.start_build(**order)["build"]
    assert builds.start_build(**order)["build"]["id"] == build["id"], "the token names one build"

    def built():
        told = builds.batch_get_builds(ids=[build["id"]])["builds"][0]
        return told, told["buildComplete"]

    told = until("the end of the build", built)
    assert (told["buildStatus"], told["resolvedSourceVersion"]) == ("SUCCEEDED", commit), told
    assert builds.list_builds_for_project(projectName="apgms-cdk-deploy")["ids"][0] == build["id"]
    assert builds.batch_get_projects(names=["apgms-cdk-deploy"])["projects"][0]["source"]["type"] == "GITHUB"
    refused("ResourceNotFoundException", builds.start_build, projectName="nothing")


def functions(aws):
    """The function of the scenario cira-invoice, whose alias has a tenth of its calls on the bad version."""
    client = aws.client("lambda", region="us-east-1", **KEYS)
    name = {"FunctionName": "CiraInvoice-JobManagement-prod"}
    pages = client.get_paginator("list_versions_by_function").paginate(**name, PaginationConfig={"PageSize": 2})
    versions = [one for page in pages for one in page["Versions"]]
    assert [one["Version"] for one in versions] == ["$LATEST", "1", "2", "3"], versions
    assert all("State" not in one for one in versions), "lists do not tell the state"
    good = versions[2]
    say(f"version 2 is {good['Description']}: {good['CodeSha256']}")

    live = {**name, "Name": "live"}
    alias = client.get_alias(**live)
    assert alias["RoutingConfig"] == {"AdditionalVersionWeights": {"3": 0.1}}, alias
    refused("PreconditionFailedException", client.update_alias, **live, FunctionVersion="2", RevisionId="of-yesterday")
    refused("ResourceNotFoundException", client.update_alias, **live, FunctionVersion="9")
    refused("InvalidParameterValueException", client.update_alias, **live, FunctionVersion="2",
            RoutingConfig={"AdditionalVersionWeights": {"2": 0.5}})
    kept = client.update_alias(**live, FunctionVersion="2", RevisionId=alias["RevisionId"])
    assert kept["RoutingConfig"] == {"AdditionalVersionWeights": {"3": 0.1}}, "left out, the routing stays"
    assert kept["RevisionId"] != alias["RevisionId"]
    moved = client.update_alias(**live, FunctionVersion="2", RoutingConfig={"AdditionalVersionWeights": {}})
    assert "RoutingConfig" not in moved, moved
    assert client.list_aliases(**name)["Aliases"] == [moved_without_metadata(moved)]
    refused("ProvisionedConcurrencyConfigNotFoundException", client.get_provisioned_concurrency_config, **name,
            Qualifier="live")
    client.put_provisioned_concurrency_config(**name, Qualifier="live", ProvisionedConcurrentExecutions=3)
    until("three instances are warm", lambda: (
        (told := client.get_provisioned_concurrency_config(**name, Qualifier="live")), told["Status"] == "READY"))
    policy = json.loads(client.get_policy(**name, Qualifier="live")["Policy"])
    assert policy["Statement"][0]["Principal"] == {"Service": "apigateway.amazonaws.com"}, policy
    refused("ResourceNotFoundException", client.get_policy, **name)
    assert client.list_event_source_mappings(**name)["EventSourceMappings"] == []
    refused("ResourceNotFoundException", client.get_function_url_config, **name)

    place = client.get_function(**name, Qualifier="2")["Code"]["Location"]
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(place) as reply:
        code = reply.read()
    revision = client.get_function_configuration(**name)["RevisionId"]
    sent = client.update_function_code(**name, ZipFile=code, RevisionId=revision)
    assert (sent["CodeSha256"], sent["LastUpdateStatus"]) == (good["CodeSha256"], "InProgress"), sent
    client.get_waiter("function_updated_v2").wait(**name, WaiterConfig={"Delay": 0.05})
    refused("PreconditionFailedException", client.update_function_configuration, **name, Timeout=5, RevisionId=revision)
    refused("InvalidParameterValueException", client.update_function_configuration, **name, Timeout=901)
    client.update_function_configuration(**name, Timeout=5, Environment={"Variables": {"ONLY": "this"}})
    client.get_waiter("function_updated_v2").wait(**name, WaiterConfig={"Delay": 0.05})
    told = client.get_function(**name)["Configuration"]
    assert (told["Timeout"], told["Environment"]) == (5, {"Variables": {"ONLY": "this"}}), "the map is replaced whole"
    published = client.publish_version(**name, CodeSha256=good["CodeSha256"], Description="kept")
    assert published["Version"] == "4", published
    assert client.publish_version(**name)["Version"] == "4", "nothing has changed since"
    refused("ResourceNotFoundException", client.get_function, FunctionName="nothing")


def moved_without_metadata(reply):
    return {name: value for name, value in reply.items() if name != "ResponseMetadata"}


if __name__ == "__main__":
    aws = Aws(sys.argv[1])
    {"finished": finished, "in-flight": in_flight, "pipeline": pipeline, "lambda": functions}[sys.argv[2]](aws)
    assert aws.auditor.replies, "no reply was looked at"
    for operation, times in sorted(aws.auditor.replies.items()):
        say(f"  {times:3} replies of {operation} fit botocore's shapes")
    say("done")
