"""boto3 drives the stand-in's CloudFormation and CloudWatch: python drive_stacks.py ENDPOINT finished|in-flight|stuck

The stacks are those of the scenario cira-invoice.
`finished`: an update goes back to the earlier template by a change set; what must be refused is; alarms are read.
`in-flight`: an update under way is cancelled, once.
`stuck`: a rollback that is stuck is continued, without what may be skipped and nothing else.
Every reply is held against botocore's own output shapes.
"""

import sys

import boto3
from botocore.config import Config

import drive_aws
from drive_aws import KEYS, refused, say, until
from shapes import CBOR

REGION = "us-east-1"
API, DATABASE = "CiraInvoice-Api-prod", "CiraInvoice-Database-prod"
PREVIOUS = "https://cira-invoice-deploys.s3.us-east-1.amazonaws.com/prod/previous/api.yml"
EARLIER = [
    {"ParameterKey": "Release", "ParameterValue": "2.13.0"},
    {"ParameterKey": "WebhookSecret", "UsePreviousValue": True},
]
CAPABLE = {"Capabilities": ["CAPABILITY_IAM"]}
OFTEN = {"WaiterConfig": {"Delay": 1, "MaxAttempts": 60}}


def stack(cfn, name=API):
    return cfn.describe_stacks(StackName=name)["Stacks"][0]


def events(cfn, name=API):
    pages = cfn.get_paginator("describe_stack_events").paginate(StackName=name)
    return [event for page in pages for event in page["StackEvents"]]


def settled(cfn, *wanted):
    """The stack's status when nothing is under way any more."""
    def look():
        status = stack(cfn)["StackStatus"]
        return status, not status.endswith("_IN_PROGRESS")
    status = until("the end", look)
    assert status in wanted, status
    return status


def read(cfn):
    pages = cfn.get_paginator("describe_stacks").paginate()
    names = sorted(one["StackName"] for page in pages for one in page["Stacks"])
    assert len(names) == 4 and API in names, names
    told = stack(cfn)
    values = {one["ParameterKey"]: one["ParameterValue"] for one in told["Parameters"]}
    assert values == {"Release": "2.14.0", "WebhookSecret": "****"}, values
    template = cfn.get_template(StackName=API, TemplateStage="Original")["TemplateBody"]
    assert "JobManagement" in str(template), template
    summary = cfn.get_template_summary(StackName=API)
    assert {one["ParameterKey"] for one in summary["Parameters"]} == set(values), summary
    resources = cfn.get_paginator("list_stack_resources").paginate(StackName=API)
    listed = {one["LogicalResourceId"] for page in resources for one in page["StackResourceSummaries"]}
    described = {one["LogicalResourceId"] for one in cfn.describe_stack_resources(StackName=API)["StackResources"]}
    assert listed == described and "Api" in listed, (listed, described)
    newest = events(cfn)
    times = [event["Timestamp"] for event in newest]
    assert times == sorted(times, reverse=True) and newest[0]["ResourceStatus"] == "UPDATE_COMPLETE", newest[:3]
    say(f"{len(names)} stacks; {API} has {len(listed)} resources and {len(newest)} events")
    refused("ValidationError", cfn.describe_stacks, StackName="nothing")


def change_set(cfn):
    wanted = {"StackName": API, "TemplateURL": PREVIOUS, "Parameters": EARLIER, "IncludeNestedStacks": True, **CAPABLE}
    refused("InsufficientCapabilitiesException", cfn.create_change_set, ChangeSetName="none",
            StackName=API, TemplateURL=PREVIOUS, Parameters=EARLIER)
    refused("ValidationError", cfn.create_change_set, **{**wanted, "ChangeSetName": "2-back"})
    made = cfn.create_change_set(ChangeSetName="back", ClientToken="back", **wanted)
    assert cfn.create_change_set(ChangeSetName="back", ClientToken="back", **wanted)["Id"] == made["Id"]
    cfn.get_waiter("change_set_create_complete").wait(ChangeSetName="back", StackName=API, **OFTEN)
    # By its name beside the stack's name or ARN, and by its own ARN alone.
    for named in ({"ChangeSetName": "back", "StackName": API}, {"ChangeSetName": "back", "StackName": made["StackId"]},
                  {"ChangeSetName": made["Id"]}):
        told = cfn.describe_change_set(**named)
        assert (told["ChangeSetId"], told["ExecutionStatus"]) == (made["Id"], "AVAILABLE"), told
    changed = {one["ResourceChange"]["LogicalResourceId"]: one["ResourceChange"] for one in told["Changes"]}
    assert changed["JobManagement"]["Action"] == "Modify" and changed["JobManagement"]["Replacement"] == "False", changed
    assert stack(cfn)["StackStatus"] == "UPDATE_COMPLETE", "a change set changes nothing"
    refused("ChangeSetNotFound", cfn.describe_change_set, ChangeSetName="other", StackName=API)
    refused("ValidationError", cfn.describe_change_set, ChangeSetName="back")
    say(f"{made['Id']} changes {', '.join(sorted(changed))}")
    token = "rb-1-api-stack-1"
    cfn.execute_change_set(ChangeSetName=made["Id"], ClientRequestToken=token, DisableRollback=False)
    # boto3's own waiter must see it the same way.
    cfn.get_waiter("stack_update_complete").wait(StackName=API, **OFTEN)
    assert {"ParameterKey": "Release", "ParameterValue": "2.13.0"} in stack(cfn)["Parameters"]
    ours = [event for event in events(cfn) if event.get("ClientRequestToken") == token]
    own = [event["ResourceStatus"] for event in ours if event["LogicalResourceId"] == API]
    assert own == ["UPDATE_COMPLETE", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_IN_PROGRESS"], own
    say(f"executed; {len(ours)} events bear the token")
    refused("InvalidChangeSetStatus", cfn.execute_change_set, ChangeSetName=made["Id"])

    cfn.create_change_set(ChangeSetName="again", **wanted)
    empty = until("the second change set", lambda: (
        (told := cfn.describe_change_set(ChangeSetName="again", StackName=API)), told["Status"] == "FAILED"))
    assert "didn't contain changes" in empty["StatusReason"], empty
    cfn.delete_change_set(ChangeSetName="again", StackName=API)
    cfn.delete_change_set(ChangeSetName="again", StackName=API)
    error = refused("ValidationError", cfn.update_stack, StackName=API, UsePreviousTemplate=True, Parameters=EARLIER,
                    **CAPABLE)
    assert error.response["Error"]["Message"] == "No updates are to be performed.", error.response


def wrong_states(cfn):
    refused("ValidationError", cfn.cancel_update_stack, StackName=API)
    refused("ValidationError", cfn.rollback_stack, StackName=API)
    refused("ValidationError", cfn.continue_update_rollback, StackName=API)
    refused("ValidationError", cfn.cancel_update_stack, StackName="nothing")
    refused("ValidationError", cfn.delete_stack, StackName=DATABASE)
    cfn.update_termination_protection(StackName=DATABASE, EnableTerminationProtection=False)
    assert not stack(cfn, DATABASE)["EnableTerminationProtection"]


def alarms():
    """CloudWatch speaks CBOR to Rollbot's SDK, so to boto3 too, which would take JSON by itself."""
    session = boto3.Session()
    loader = session._session.get_component("data_loader")
    load = loader.load_service_model

    def loaded(*what, **more):
        model = load(*what, **more)
        metadata = model.get("metadata", {})
        if CBOR in metadata.get("protocols", []):
            metadata["protocols"], metadata["protocol"] = [CBOR], CBOR
        return model

    loader.load_service_model = loaded
    once = Config(retries={"total_max_attempts": 1}, proxies={})
    made = session.client("cloudwatch", region_name=REGION, endpoint_url=aws.endpoint, config=once, **KEYS)
    assert made.meta.service_model.resolved_protocol == CBOR, made.meta.service_model.resolved_protocol
    cloudwatch = aws.auditor.watch(made)
    told = cloudwatch.describe_alarms(AlarmNames=["CiraInvoice-Api5xx-prod", "nothing"])["MetricAlarms"]
    assert [(one["AlarmName"], one["StateValue"]) for one in told] == [("CiraInvoice-Api5xx-prod", "OK")], told
    assert told[0]["StateUpdatedTimestamp"].year > 2020, told
    assert cloudwatch.describe_alarms(AlarmTypes=["CompositeAlarm"])["CompositeAlarms"] == []
    refused("InvalidNextToken", cloudwatch.describe_alarms, NextToken="tomorrow")
    say(f"{told[0]['AlarmArn']} is {told[0]['StateValue']}")


def finished(cfn):
    read(cfn)
    alarms()
    change_set(cfn)
    wrong_states(cfn)


def in_flight(cfn):
    assert stack(cfn)["StackStatus"] == "UPDATE_IN_PROGRESS"
    refused("ValidationError", cfn.update_stack, StackName=API, UsePreviousTemplate=True, Parameters=EARLIER, **CAPABLE)
    cfn.cancel_update_stack(StackName=API, ClientRequestToken="rb-1-api-stack-1")
    refused("TokenAlreadyExistsException", cfn.cancel_update_stack, StackName=API,
            ClientRequestToken="rb-1-api-stack-1")
    settled(cfn, "UPDATE_ROLLBACK_COMPLETE")
    assert {"ParameterKey": "Release", "ParameterValue": "2.13.0"} in stack(cfn)["Parameters"]
    reasons = [event.get("ResourceStatusReason") for event in events(cfn)]
    assert "User Initiated" in reasons and "Resource update cancelled" in reasons, reasons
    refused("ValidationError", cfn.cancel_update_stack, StackName=API)
    say("cancelled, and back to 2.13.0")


def stuck(cfn):
    assert settled(cfn, "UPDATE_ROLLBACK_FAILED")
    failed = [one["LogicalResourceId"] for one in cfn.describe_stack_resources(StackName=API)["StackResources"]
              if one["ResourceStatus"] == "UPDATE_FAILED"]
    assert "LogRetention" in failed, failed
    refused("ValidationError", cfn.rollback_stack, StackName=API)
    # What is wrong with the list of what to skip is not refused: the rollback fails again with that as its reason.
    cfn.continue_update_rollback(StackName=API, ResourcesToSkip=["FunctionRole"])
    settled(cfn, "UPDATE_ROLLBACK_FAILED")
    assert "allowed to be skipped" in stack(cfn)["StackStatusReason"], stack(cfn)
    cfn.continue_update_rollback(StackName=API)
    settled(cfn, "UPDATE_ROLLBACK_FAILED")
    cfn.continue_update_rollback(StackName=API, ResourcesToSkip=["LogRetention"])
    cfn.get_waiter("stack_rollback_complete").wait(StackName=API, **OFTEN)
    settled(cfn, "UPDATE_ROLLBACK_COMPLETE")
    say("continued without LogRetention")


if __name__ == "__main__":
    aws = drive_aws.Aws(sys.argv[1])
    {"finished": finished, "in-flight": in_flight, "stuck": stuck}[sys.argv[2]](
        aws.client("cloudformation", region=REGION, **KEYS))
    assert aws.auditor.replies, "no reply was looked at"
    for operation, times in sorted(aws.auditor.replies.items()):
        say(f"  {times:3} replies of {operation} fit botocore's shapes")
    say("done")
