"""The AWS command line drives the stand-in, with the commands of a runbook: python drive_cli.py ENDPOINT finished|in-flight

`finished`: api:4 has been deployed, and the service is taken back to api:3 with update-service.
`in-flight`: the deployment of api:4 is under way, and is stopped with a rollback.
What the command line prints is held against what boto3 reads of the same stand-in.
"""

import json
import pathlib
import subprocess
import sys
import time

import boto3

ACCOUNT, REGION, CLUSTER, SERVICE = "123456789012", "eu-north-1", "shop-prod", "api"
PATIENCE = 60
AWS = pathlib.Path(sys.executable).with_name("aws")


class CommandLine:
    """`aws`, as somebody types it who has AWS_ENDPOINT_URL set; and boto3 beside it."""

    def __init__(self, endpoint):
        self.environment = {
            "AWS_ENDPOINT_URL": endpoint, "AWS_DEFAULT_REGION": REGION, "AWS_ACCESS_KEY_ID": "AKIASANDBOX",
            "AWS_SECRET_ACCESS_KEY": "sandbox", "AWS_CONFIG_FILE": "/dev/null", "AWS_PAGER": "", "NO_PROXY": "*",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_EC2_METADATA_DISABLED": "true", "AWS_MAX_ATTEMPTS": "1",
        }  # fmt: skip
        keys = {"aws_access_key_id": "AKIASANDBOX", "aws_secret_access_key": "sandbox"}
        self.ecs = boto3.client("ecs", region_name=REGION, endpoint_url=endpoint, **keys)
        self.typed = 0

    def run(self, words):
        self.typed += 1
        command = [sys.executable, str(AWS), *words.split()]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=PATIENCE)

    def text(self, words):
        """What a command prints; it has to succeed."""
        done = self.run(words)
        assert done.returncode == 0, f"aws {words} ended with {done.returncode}: {done.stderr}"
        return done.stdout.strip()

    def json(self, words):
        printed = self.text(f"{words} --output json")
        return json.loads(printed) if printed else None

    def refused(self, code, words):
        """The command fails with the exit code of a refusal (version 1 of the command line has 255), and names it."""
        done = self.run(words)
        assert done.returncode == 255 and f"({code})" in done.stderr, (words, done.returncode, done.stderr)
        say(f"  aws {words.split(' --')[0]} is refused as it should be: {done.stderr.strip().splitlines()[-1]}")


def say(words):
    print(words, flush=True)


def read(value):
    """A reply of boto3 as the command line prints it: times as text, without what is about the reply."""
    if isinstance(value, dict):
        return {name: read(one) for name, one in value.items() if name != "ResponseMetadata"}
    if isinstance(value, list):
        return [read(one) for one in value]
    return value.timestamp() if hasattr(value, "timestamp") else value


def printed(value, name=""):
    """What the command line printed, with its times (ISO 8601) as seconds."""
    if isinstance(value, dict):
        return {key: printed(one, key) for key, one in value.items()}
    if isinstance(value, list):
        return [printed(one, name) for one in value]
    if isinstance(value, str) and name.endswith("At"):
        from datetime import datetime

        return datetime.fromisoformat(value).timestamp()
    return value


def same(command_line, words, call, **request):
    """The command prints what boto3 reads; returns it. Asked again while the world moves in between."""
    for _ in range(5):
        before = read(call(**request))
        shown = printed(command_line.json(words))
        if shown == before or shown == read(call(**request)):
            return shown
    raise AssertionError(f"aws {words} prints\n{shown}\nand boto3 reads\n{before}")


def until(what, look, wanted):
    ends = time.monotonic() + PATIENCE
    while (seen := look()) != wanted:
        assert time.monotonic() < ends, f"not seen in {PATIENCE} s: {what}; the last look: {seen}"
        time.sleep(0.1)


def running(aws):
    """The task definition of every task that is meant to run."""
    arns = aws.text(f"ecs list-tasks --cluster {CLUSTER} --service-name {SERVICE} --query taskArns[] --output text")
    query = "--query tasks[].taskDefinitionArn --output text"
    return sorted(aws.text(f"ecs describe-tasks --cluster {CLUSTER} --tasks {' '.join(arns.split())} {query}").split())


def definition(number):
    return f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/api:{number}"


def around(aws):
    """What somebody looks at first."""
    caller = aws.json("sts get-caller-identity")
    assert caller["Account"] == ACCOUNT and caller["Arn"].startswith(f"arn:aws:iam::{ACCOUNT}:"), caller
    described = same(
        aws, f"ecs describe-services --cluster {CLUSTER} --services {SERVICE} --include TAGS",
        aws.ecs.describe_services, cluster=CLUSTER, services=[SERVICE], include=["TAGS"])  # fmt: skip
    assert described["services"][0]["taskDefinition"] == definition(4), described
    listed = aws.text("ecs list-task-definitions --family-prefix api --sort DESC --query taskDefinitionArns --output text")
    assert listed.split() == [definition(number) for number in (4, 3, 2, 1)], listed
    one = same(aws, "ecs describe-task-definition --task-definition api:3", aws.ecs.describe_task_definition,
               taskDefinition="api:3")  # fmt: skip
    assert one["taskDefinition"]["containerDefinitions"][0]["image"].endswith("shop/api:v42"), one
    tags = aws.text("ecr describe-images --repository-name shop/api --query imageDetails[].imageTags[] --output text")
    assert {"v40", "v41", "v42", "v43"} <= set(tags.split()), tags
    group = aws.text("elbv2 describe-target-groups --names shop-api --query TargetGroups[].TargetGroupArn --output text")
    states = aws.text(f"elbv2 describe-target-health --target-group-arn {group} "
                      "--query TargetHealthDescriptions[].TargetHealth.State --output text")  # fmt: skip
    assert "healthy" in states.split(), states
    past = same(aws, f"ecs list-service-deployments --cluster {CLUSTER} --service {SERVICE}",
                aws.ecs.list_service_deployments, cluster=CLUSTER, service=SERVICE)  # fmt: skip
    say(f"{caller['Arn']} sees {len(past['serviceDeployments'])} deployments; the command line prints what boto3 reads")
    return past["serviceDeployments"][0]


def finished(aws):
    newest = around(aws)
    assert newest["status"] == "SUCCESSFUL", newest
    assert running(aws) == [definition(4)] * 2
    update = f"ecs update-service --cluster {CLUSTER} --service {SERVICE}"
    aws.refused("ClientException", f"{update} --task-definition api:99")
    aws.refused("ServiceNotFoundException", "ecs update-service --cluster shop-prod --service nothing --desired-count 1")
    aws.refused("ClusterNotFoundException", "ecs list-services --cluster nowhere")
    made = aws.json(f"{update} --task-definition api:3")["service"]["deployments"][0]
    assert made["status"] == "PRIMARY" and made["rolloutState"] == "IN_PROGRESS", made
    say(f"update-service makes {made['id']}")
    began = time.monotonic()
    aws.text(f"ecs wait services-stable --cluster {CLUSTER} --services {SERVICE}")
    say(f"wait services-stable came back after {time.monotonic() - began:.1f} s")
    deployments = "services[].deployments[].[id,rolloutState]"
    seen = aws.json(f"ecs describe-services --cluster {CLUSTER} --services {SERVICE} --query {deployments}")
    assert seen == [[made["id"], "COMPLETED"]], seen
    assert running(aws) == [definition(3)] * 2
    arn = aws.text(f"ecs list-service-deployments --cluster {CLUSTER} --service {SERVICE} --max-results 1 "
                   "--query serviceDeployments[0].serviceDeploymentArn --output text").split()[0]  # fmt: skip
    aws.refused("ConflictException", f"ecs stop-service-deployment --service-deployment-arn {arn} --stop-type ROLLBACK")


def in_flight(aws):
    current = around(aws)
    assert current["status"] == "IN_PROGRESS", current
    arn = current["serviceDeploymentArn"]
    stopped = aws.json(f"ecs stop-service-deployment --service-deployment-arn {arn} --stop-type ROLLBACK")
    assert stopped == {"serviceDeploymentArn": arn}, stopped
    say(f"stop-service-deployment of {arn.rsplit('/', 1)[1]}")
    status = (f"ecs describe-service-deployments --service-deployment-arns {arn} "
              "--query serviceDeployments[0].status --output text")  # fmt: skip
    until("the deployment's rollback", lambda: aws.text(status), "ROLLBACK_SUCCESSFUL")
    same(aws, f"ecs describe-service-deployments --service-deployment-arns {arn}",
         aws.ecs.describe_service_deployments, serviceDeploymentArns=[arn])  # fmt: skip
    until("two tasks of api:3", lambda: running(aws), [definition(3)] * 2)
    wrong = f"ecs stop-service-deployment --service-deployment-arn {arn} --stop-type ROLLBACK"
    aws.refused("ConflictException", wrong)


if __name__ == "__main__":
    it = CommandLine(sys.argv[1])
    {"finished": finished, "in-flight": in_flight}[sys.argv[2]](it)
    say(f"{it.typed} commands were typed")
    say("done")
