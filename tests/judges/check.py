"""Judges the recordings of the test suite: requests of the bot and replies of the stand-ins.

    check.py FOLDER        every call of every recording in FOLDER
    check.py --self-test   plants violations, and looks whether each is found

A recording is a file of calls as JSON, one a line (src/sandbox/wire.rs). In one whose name begins with `bot` every
request has to be right. In one that begins with `test` a request may be wrong if the stand-in refused it.
"""

import json
import pathlib
import sys

from aws import AwsJudge
from slack import SlackJudge
from verdict import Tally


def is_refused(call):
    reply = call["reply"]
    return call["status"] >= 400 or (isinstance(reply, dict) and reply.get("ok") is False)


def judge(call, judges):
    """What is wrong with a call's request, and with its reply, where there is one."""
    one = judges["slack" if call["service"].startswith("slack") else "aws"]
    replied = call["status"] != 0
    return one.request(call), one.reply(call) if replied else []


def check(folder, judges):
    tally = Tally()
    recordings = sorted(pathlib.Path(folder).glob("*.jsonl"))
    if not recordings:
        sys.exit(f"there are no recordings in {folder}")
    for recording in recordings:
        for line in recording.read_text().splitlines():
            call = json.loads(line)
            place = f"{recording.name} {call['number']}"
            tally.count(call, call["status"] != 0)
            request, reply = judge(call, judges)
            if request and recording.name.startswith("test") and is_refused(call):
                tally.refused[(call["service"], call["operation"])] += 1
                request = []
            for violation in request + reply:
                tally.violations[((call["service"], call["operation"]), violation)].append(place)
    print(f"recordings: {len(recordings)}")
    print("\n".join(tally.report()))
    return tally.total() == 0


def main(arguments):
    judges = {"aws": AwsJudge(), "slack": SlackJudge()}
    try:
        if arguments == ["--self-test"]:
            import plants

            return plants.all_found(lambda call: judge(call, judges))
        if len(arguments) != 1:
            sys.exit(__doc__)
        return check(arguments[0], judges)
    finally:
        judges["slack"].close()


if __name__ == "__main__":
    sys.exit(0 if main(sys.argv[1:]) else 1)
