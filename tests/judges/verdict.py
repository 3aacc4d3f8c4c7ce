"""What the judges have found."""

import collections
import dataclasses


@dataclasses.dataclass(frozen=True)
class Violation:
    """One thing that does not fit, where it stood, and who says so."""

    kind: str  # unknown member, missing, enum, pattern, length, range, type, error code, altered
    place: str  # request.cluster, reply.services[0].status
    what: str
    judge: str  # botocore, slack_sdk, @slack/types

    def __str__(self):
        return f"{self.place}: {self.what} ({self.kind}; {self.judge})"


class Tally:
    """Counts per service and operation."""

    def __init__(self):
        self.calls = collections.Counter()
        self.requests = collections.Counter()
        self.replies = collections.Counter()
        self.refused = collections.Counter()
        self.violations = collections.defaultdict(list)

    def count(self, call, has_reply):
        key = (call["service"], call["operation"])
        self.calls[key] += 1
        self.requests[key] += 1
        self.replies[key] += has_reply

    def report(self):
        """The table, and every violation once with how often it came and where first."""
        lines = [f"{'service':<22}{'operation':<30}{'requests':>9}{'replies':>9}{'refused':>9}{'violations':>12}"]
        per_operation = collections.Counter()
        for (key, _), places in self.violations.items():
            per_operation[key] += len(places)
        for key in sorted(self.calls):
            lines.append(
                f"{key[0]:<22}{key[1]:<30}{self.requests[key]:>9}{self.replies[key]:>9}"
                f"{self.refused[key]:>9}{per_operation[key]:>12}"
            )
        for (key, violation), places in sorted(self.violations.items(), key=lambda item: (item[0][0], str(item[0][1]))):
            lines.append(f"{key[0]} {key[1]}, {len(places)} times, first in {places[0]}: {violation}")
        slack = sum(count for (service, _), count in self.calls.items() if service.startswith("slack"))
        services = {service for service, _ in self.calls if not service.startswith("slack")}
        lines.append(
            f"AWS requests: {self.requests.total() - slack} to {len(services)} services, Slack calls: {slack}, "
            f"replies: {self.replies.total()}, refused as they had to be: {self.refused.total()}, "
            f"violations: {sum(len(places) for places in self.violations.values())}"
        )
        return lines

    def total(self):
        return sum(len(places) for places in self.violations.values())
