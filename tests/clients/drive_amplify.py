"""boto3 drives the stand-in for Amplify: python drive_amplify.py ENDPOINT connected|manual

`connected`: what the runbook of prop-ie does. The last successful job is found and built again, a job under way is
stopped, a domain is pointed at another branch. `manual`: files are handed over by address, and as a zip.
Every reply is held against botocore's own output shapes.
"""

import sys
import time
import urllib.request

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from shapes import Auditor

KEYS = {"aws_access_key_id": "AKIASANDBOX", "aws_secret_access_key": "sandbox"}
PATIENCE = 60


def say(words):
    print(words, flush=True)


def until(what, look):
    ends = time.monotonic() + PATIENCE
    while True:
        seen, there = look()
        if there:
            return seen
        assert time.monotonic() < ends, f"waited {PATIENCE} s for {what}, saw {seen}"
        time.sleep(0.1)


def refused(code, call, **arguments):
    try:
        reply = call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        say(f"  refused: {error}")
        return error
    raise AssertionError(f"{code} expected, got {reply}")


class App:
    def __init__(self, endpoint, region, name, branch):
        self.auditor = Auditor()
        once = Config(retries={"total_max_attempts": 1}, proxies={})
        made = boto3.client("amplify", region_name=region, endpoint_url=endpoint, config=once, **KEYS)
        self.client = self.auditor.watch(made)
        apps = [app for page in self.client.get_paginator("list_apps").paginate() for app in page["apps"]]
        self.id = next(app["appId"] for app in apps if app["name"] == name)
        self.at = {"appId": self.id, "branchName": branch}

    def jobs(self):
        pages = self.client.get_paginator("list_jobs").paginate(**self.at, PaginationConfig={"PageSize": 2})
        return [job for page in pages for job in page["jobSummaries"]]

    def active(self):
        return int(self.client.get_branch(**self.at)["branch"]["activeJobId"])

    def over(self, job):
        def look():
            told = self.client.get_job(**self.at, jobId=job)["job"]
            return told, told["summary"]["status"] in ("SUCCEED", "FAILED", "CANCELLED")
        return until(f"the end of job {job}", look)


def connected(endpoint):
    app = App(endpoint, "eu-west-1", "prop-ie-app", "production")
    client, at = app.client, app.at
    jobs = app.jobs()
    numbers = [int(job["jobId"]) for job in jobs]
    assert numbers == sorted(numbers, reverse=True) and app.active() == numbers[0], (numbers, app.active())
    good = jobs[1]
    say(f"job {jobs[0]['jobId']} is active, job {good['jobId']} was before it")
    started = client.start_job(**at, jobType="RETRY", jobId=good["jobId"])["jobSummary"]
    assert started["commitId"] == good["commitId"] and started["status"] == "PENDING", started
    refused("LimitExceededException", client.start_job, **at, jobType="RETRY", jobId=good["jobId"])
    told = app.over(started["jobId"])
    assert told["summary"]["status"] == "SUCCEED" and app.active() == int(started["jobId"]), told
    assert [step["stepName"] for step in told["steps"]] == ["BUILD", "DEPLOY", "VERIFY"], told

    # What the runbook writes cannot work on an app that is connected to a repository.
    refused("BadRequestException", client.start_deployment, **at, jobId=good["jobId"])
    refused("BadRequestException", client.create_deployment, **at)
    refused("NotFoundException", client.get_job, **at, jobId="9999")
    refused("NotFoundException", client.get_branch, appId=app.id, branchName="feature/none")
    another = client.start_job(**at, jobType="RELEASE")["jobSummary"]["jobId"]
    client.stop_job(**at, jobId=another)
    assert app.over(another)["summary"]["status"] == "CANCELLED"

    held = client.update_branch(**at, enableAutoBuild=False)["branch"]
    assert held["enableAutoBuild"] is False
    domain = {"appId": app.id, "domainName": "prop-ie-app.com"}
    before = client.get_domain_association(**domain)["domainAssociation"]
    settings = [one["subDomainSetting"] for one in before["subDomains"]]
    wanted = [{**one, "branchName": "green"} if one["prefix"] == "" else one for one in settings]
    client.update_domain_association(**domain, subDomainSettings=wanted, enableAutoSubDomain=True,
                                     autoSubDomainCreationPatterns=before["autoSubDomainCreationPatterns"])

    def pointed():
        told = client.get_domain_association(**domain)["domainAssociation"]
        return told, told["domainStatus"] == "AVAILABLE" and told.get("updateStatus") == "UPDATE_COMPLETE"

    told = until("the update of the domain", pointed)
    assert [one["subDomainSetting"] for one in told["subDomains"]] == wanted, told
    assert all(one["verified"] for one in told["subDomains"]), told
    return app


def manual(endpoint):
    app = App(endpoint, "us-west-2", "bayon-coagent-development", "develop")
    client, at = app.client, app.at
    good = app.jobs()[1]
    assert (good["jobType"], good["sourceUrlType"]) == ("MANUAL", "BUCKET_PREFIX"), good
    refused("BadRequestException", client.start_job, **at, jobType="RETRY", jobId=good["jobId"])
    source = {"sourceUrl": good["sourceUrl"], "sourceUrlType": good["sourceUrlType"]}
    begun = client.start_deployment(**at, **source)["jobSummary"]
    refused("BadRequestException", client.start_deployment, **at, **source)
    told = app.over(begun["jobId"])
    assert told["summary"]["status"] == "SUCCEED" and app.active() == int(begun["jobId"]), told
    made = client.create_deployment(**at)
    put = urllib.request.Request(made["zipUploadUrl"], data=b"s3://bayon-coagent-builds/c4e09a7d/", method="PUT")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    assert opener.open(put, timeout=10).status == 200
    client.start_deployment(**at, jobId=made["jobId"])
    assert app.over(made["jobId"])["summary"]["status"] == "SUCCEED"
    return app


if __name__ == "__main__":
    driven = {"connected": connected, "manual": manual}[sys.argv[2]](sys.argv[1])
    assert driven.auditor.replies, "no reply was looked at"
    for operation, times in sorted(driven.auditor.replies.items()):
        say(f"  {times:3} replies of {operation} fit botocore's shapes")
    say("done")
