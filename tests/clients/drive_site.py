"""boto3 and the AWS command line drive a static site on the stand-in: python drive_site.py ENDPOINT DISTRIBUTION VIEWERS

A bucket `shop-site` has two builds, releases/v41/ and releases/v42/, and what is live; the distribution serves live/.
boto3 takes the site back by hand as a runbook has it: copy, delete, invalidate; then by the origin path; then by versions.
The command line does the same with `aws s3 sync --delete`. Every reply of CloudFront is held against botocore's shapes.
"""

import json
import pathlib
import subprocess
import sys
import time
import urllib.error
import urllib.request
import xml.etree.ElementTree as xml

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from shapes import of_element

REGION, BUCKET = "eu-north-1", "shop-site"
KEYS = {"aws_access_key_id": "AKIASANDBOX", "aws_secret_access_key": "sandbox"}
AWS = pathlib.Path(sys.executable).with_name("aws")
PATIENCE = 60


def say(words):
    print(words, flush=True)


def refused(code, call, **request):
    try:
        call(**request)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error.response
        say(f"  refused as it should be: {code}: {error.response['Error'].get('Message')}")
        return
    raise AssertionError(f"{request} was taken, not refused with {code}")


def audit(operation_model, response_dict, **_more):
    """A reply of CloudFront has what its shape has, and nothing else."""
    name = operation_model.name
    assert response_dict["headers"].get("x-amzn-requestid"), f"{name}: no request id"
    root = xml.fromstring(response_dict["body"])
    space = "{http://cloudfront.amazonaws.com/doc/2020-05-31/}"
    if response_dict["status_code"] >= 300:
        assert root.tag == f"{space}ErrorResponse" and root.findtext(f"{space}Error/{space}Code"), root.tag
        return
    payload = operation_model.output_shape.serialization["payload"]
    shape = operation_model.output_shape.members[payload]
    assert root.tag == space + shape.serialization.get("name", shape.name), root.tag
    findings = list(of_element(shape, root, name, space))
    assert not findings, "\n".join(findings)


class Site:
    def __init__(self, endpoint, distribution, viewers):
        once = Config(retries={"total_max_attempts": 1}, proxies={})
        client = lambda name: boto3.client(name, region_name=REGION, endpoint_url=endpoint, config=once, **KEYS)
        self.s3, self.cloudfront = client("s3"), client("cloudfront")
        self.cloudfront.meta.events.register("before-parse", audit)
        self.distribution, self.viewers = distribution, viewers
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self.environment = {
            "AWS_ENDPOINT_URL": endpoint, "AWS_DEFAULT_REGION": REGION, "AWS_ACCESS_KEY_ID": "AKIASANDBOX",
            "AWS_SECRET_ACCESS_KEY": "sandbox", "AWS_CONFIG_FILE": "/dev/null", "AWS_PAGER": "", "NO_PROXY": "*",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_EC2_METADATA_DISABLED": "true", "AWS_MAX_ATTEMPTS": "1",
        }  # fmt: skip

    def aws(self, *words):
        done = subprocess.run([sys.executable, str(AWS), *words], env=self.environment, capture_output=True, text=True,
                              timeout=PATIENCE)  # fmt: skip
        assert done.returncode == 0, f"aws {words} ended with {done.returncode}: {done.stderr}"
        return done.stdout

    def view(self, path):
        """What a viewer gets: status, body, headers."""
        try:
            with self.opener.open(self.viewers + path, timeout=10) as reply:
                return reply.status, reply.read().decode(), {name.lower(): value for name, value in reply.headers.items()}
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(), {}

    def keys(self, prefix):
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return {one["Key"].removeprefix(prefix): one["ETag"] for page in pages for one in page.get("Contents", [])}

    def invalidated(self, reference, paths):
        batch = {"Paths": {"Quantity": len(paths), "Items": paths}, "CallerReference": reference}
        call = lambda: self.cloudfront.create_invalidation(DistributionId=self.distribution, InvalidationBatch=batch)
        made = call()["Invalidation"]
        assert made["Status"] == "InProgress" and call()["Invalidation"]["Id"] == made["Id"], made
        # boto3's own waiter must see it the same way.
        self.cloudfront.get_waiter("invalidation_completed").wait(
            DistributionId=self.distribution, Id=made["Id"], WaiterConfig={"Delay": 1, "MaxAttempts": 30})
        say(f"invalidation {made['Id']} of {', '.join(paths)} is completed")


def copied(site):
    """Build v41 over what is live: copy, then delete what is not in it."""
    target, live = site.keys("releases/v41/"), site.keys("live/")
    assert site.view("/")[1] == "<h1>v42</h1>", site.view("/")
    for key in target:
        site.s3.copy_object(Bucket=BUCKET, Key="live/" + key, CopySource={"Bucket": BUCKET, "Key": "releases/v41/" + key})
    extra = [{"Key": "live/" + key} for key in live.keys() - target.keys()]
    assert len(extra) == 2, extra
    deleted = site.s3.delete_objects(Bucket=BUCKET, Delete={"Objects": extra, "Quiet": False})
    # The policy of the bucket keeps one of them.
    assert [one["Key"] for one in deleted["Errors"]] == ["live/.well-known/kept.txt"], deleted
    assert deleted["Errors"][0]["Code"] == "AccessDenied" and len(deleted["Deleted"]) == 1, deleted
    head = site.s3.head_object(Bucket=BUCKET, Key="live/index.html")
    assert (head["ContentType"], head["CacheControl"]) == ("text/html", "max-age=300"), head
    assert head["Metadata"] == {"release": "v41"}, head
    gzip = site.s3.get_object(Bucket=BUCKET, Key="live/assets/a b+c&é.js")
    assert gzip["ContentEncoding"] == "gzip" and gzip["ContentDisposition"] == "inline", gzip
    assert site.view("/")[1] == "<h1>v42</h1>", "the edge still has the old page"
    site.invalidated("drive-1", ["/*"])
    status, body, headers = site.view("/")
    assert (status, body, headers["x-cache"]) == (200, "<h1>v41</h1>", "Miss from cloudfront"), (status, body, headers)
    assert headers["x-amz-meta-release"] == "v41" and headers["cache-control"] == "max-age=300", headers
    assert site.view("/index.html")[2]["x-cache"] == "Hit from cloudfront"
    say("viewers get v41 after the copy and the invalidation")


def switched(site):
    """The origin path, with the lock that the ETag is."""
    got = site.cloudfront.get_distribution_config(Id=site.distribution)
    etag, config = got["ETag"], got["DistributionConfig"]
    config["Origins"]["Items"][0]["OriginPath"] = "/releases/v42"
    update = lambda **more: site.cloudfront.update_distribution(Id=site.distribution, DistributionConfig=config, **more)
    refused("InvalidIfMatchVersion", update)
    refused("PreconditionFailed", update, IfMatch="E1AAAAAAAAAAAA")
    taken = update(IfMatch=etag)
    assert taken["Distribution"]["Status"] == "InProgress" and taken["ETag"] != etag, taken
    refused("PreconditionFailed", update, IfMatch=etag)
    site.cloudfront.get_waiter("distribution_deployed").wait(
        Id=site.distribution, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    site.invalidated("drive-2", ["/index.html", "/assets/*"])
    assert site.view("/")[1] == "<h1>v42</h1>"
    refused("InvalidationBatchAlreadyExists", site.cloudfront.create_invalidation, DistributionId=site.distribution,
            InvalidationBatch={"Paths": {"Quantity": 1, "Items": ["/*"]}, "CallerReference": "drive-2"})
    refused("InconsistentQuantities", site.cloudfront.create_invalidation, DistributionId=site.distribution,
            InvalidationBatch={"Paths": {"Quantity": 2, "Items": ["/*"]}, "CallerReference": "drive-3"})
    refused("NoSuchDistribution", site.cloudfront.get_distribution, Id="E0NOTHERE00000")
    listed = site.cloudfront.list_distributions()["DistributionList"]
    assert [one["Id"] for one in listed["Items"]] == [site.distribution], listed
    invalidations = site.cloudfront.get_paginator("list_invalidations").paginate(
        DistributionId=site.distribution, PaginationConfig={"PageSize": 1})
    statuses = [one["Status"] for page in invalidations for one in page["InvalidationList"]["Items"]]
    assert statuses == ["Completed"] * 2, statuses
    say("viewers get v42 by the origin path")


def versions(site):
    """What was put, deleted and copied comes back by its versions."""
    key, put = "live/note.txt", site.s3.put_object
    first = put(Bucket=BUCKET, Key="live/note.txt", Body=b"one", ContentType="text/plain")["VersionId"]
    put(Bucket=BUCKET, Key=key, Body=bytes(range(256)), ContentEncoding="gzip", ChecksumAlgorithm="SHA256")
    assert site.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == bytes(range(256))
    gone = site.s3.delete_object(Bucket=BUCKET, Key=key)
    assert gone["DeleteMarker"], gone
    refused("NoSuchKey", site.s3.get_object, Bucket=BUCKET, Key=key)
    source = {"Bucket": BUCKET, "Key": key, "VersionId": first}
    site.s3.copy_object(Bucket=BUCKET, Key=key, CopySource=source)
    assert site.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == b"one"
    refused("PreconditionFailed", put, Bucket=BUCKET, Key=key, Body=b"x", IfNoneMatch="*")
    pages = site.s3.get_paginator("list_object_versions").paginate(
        Bucket=BUCKET, Prefix=key, PaginationConfig={"PageSize": 1})
    found = [one for page in pages for kind in ("Versions", "DeleteMarkers") for one in page.get(kind, [])]
    assert len(found) == 4 and sum(one["IsLatest"] for one in found) == 1, found
    assert site.s3.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"
    refused("NoSuchBucket", site.s3.list_objects_v2, Bucket="none")
    say(f"{len(found)} versions of {key}")


def command_line(site):
    """The runbook's own commands."""
    for key, body in (("index.html", b"<h1>a longer v43</h1>"), ("assets/v43.js", b"v43")):
        site.s3.put_object(Bucket=BUCKET, Key="releases/v43/" + key, Body=body)
    sync = ("s3", "sync", f"s3://{BUCKET}/releases/v43/", f"s3://{BUCKET}/live/", "--delete", "--exclude", ".well-known/*")
    printed = site.aws(*sync)
    assert "copy: " in printed and "delete: " in printed, printed
    live = {key: etag for key, etag in site.keys("live/").items() if not key.startswith(".well-known/")}
    assert live == site.keys("releases/v43/"), live
    assert site.aws(*sync) == "", "there is nothing left to synchronise"
    made = json.loads(site.aws("cloudfront", "create-invalidation", "--distribution-id", site.distribution, "--paths", "/*", "--output", "json"))
    site.aws("cloudfront", "wait", "invalidation-completed", "--distribution-id", site.distribution, "--id", made["Invalidation"]["Id"])
    listed = site.aws("s3", "ls", f"s3://{BUCKET}/releases/")
    assert listed.split() == ["PRE", "v41/", "PRE", "v42/", "PRE", "v43/"], listed
    file = pathlib.Path(sys.argv[0]).name
    site.aws("s3", "cp", sys.argv[0], f"s3://{BUCKET}/uploads/{file}", "--cache-control", "no-cache")
    head = json.loads(site.aws("s3api", "head-object", "--bucket", BUCKET, "--key", f"uploads/{file}", "--output", "json"))
    assert head["CacheControl"] == "no-cache" and head["ContentLength"] == pathlib.Path(sys.argv[0]).stat().st_size, head
    say("the command line synchronised, invalidated and uploaded")


if __name__ == "__main__":
    it = Site(*sys.argv[1:4])
    began = time.monotonic()
    for part in (copied, switched, versions, command_line):
        part(it)
    say(f"{time.monotonic() - began:.1f} s")
    say("done")
