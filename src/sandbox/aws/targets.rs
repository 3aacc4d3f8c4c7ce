//! `ELBv2`: target groups, their targets' health, and load balancers.

use serde_json::{Value, json};

use super::account::{Account, TargetGroup};
use super::json::{iso, present, text, texts};
use super::refusal::Refusal;
use super::task::{Balancing, TargetState, Task};

const VPC: &str = "vpc-0f1e2d3c4b5a69788";

impl Account {
    /// Performs an `ELBv2` operation whose request fits the model.
    pub(super) fn perform_elb(&self, operation: &str, request: &Value) -> Result<Value, Refusal> {
        match operation {
            "DescribeTargetHealth" => self.describe_target_health(request),
            "DescribeTargetGroups" => self.describe_target_groups(request),
            _ => self.describe_load_balancers(request),
        }
    }

    fn registered<'a>(&'a self, group: &'a str) -> impl Iterator<Item = (&'a Balancing, &'a Task, &'a TargetState)> {
        self.services.iter().filter_map(|service| Some((service, service.balancing.as_ref()?))).flat_map(
            move |(service, balancing)| {
                let own =
                    service.tasks.iter().filter(move |task| service.target_group_of(&task.deployment) == Some(group));
                own.filter_map(move |task| Some((balancing, task, &task.target.as_ref()?.state)))
            },
        )
    }

    fn describe_target_health(&self, request: &Value) -> Result<Value, Refusal> {
        let arn = text(request, "TargetGroupArn").unwrap_or_default();
        let group = self.target_groups.values().find(|group| group.arn == arn);
        let group = group.ok_or_else(|| Refusal::new("TargetGroupNotFound", "One or more target groups not found"))?;
        let all = self.registered(arn).map(|(balancing, task, state)| {
            let health = target_health(state);
            (task.address.clone(), balancing.container_port, target(&task.address, balancing.container_port, &health))
        });
        let all: Vec<(String, u16, Value)> = all.collect();
        let described: Vec<Value> = match request.get("Targets").and_then(Value::as_array) {
            None => all.into_iter().map(|(_, _, described)| described).collect(),
            Some(asked) => asked
                .iter()
                .map(|one| {
                    let id = text(one, "Id").unwrap_or_default();
                    let port = one.get("Port").and_then(Value::as_u64).and_then(|port| u16::try_from(port).ok());
                    let known = all.iter().find(|(address, own, _)| address == id && port.is_none_or(|port| port == *own));
                    known.map_or_else(
                        || {
                            let health = json!({
                                "State": "unused", "Reason": "Target.NotRegistered", "Description": "Target is not registered to the target group",
                            });
                            target(id, port.unwrap_or(group.rules.port), &health)
                        },
                        |(_, _, described)| described.clone(),
                    )
                })
                .collect(),
        };
        Ok(json!({"TargetHealthDescriptions": described}))
    }

    fn describe_target_groups(&self, request: &Value) -> Result<Value, Refusal> {
        let (arns, names) = (texts(request, "TargetGroupArns"), texts(request, "Names"));
        let by = |key: fn(&TargetGroup) -> &str, wanted: &[&str]| {
            wanted.iter().all(|one| self.target_groups.values().any(|group| key(group) == *one))
        };
        if !by(|group| &group.arn, &arns) || !by(|group| &group.name, &names) {
            return Err(Refusal::new("TargetGroupNotFound", "One or more target groups not found"));
        }
        let balancer = text(request, "LoadBalancerArn");
        let chosen = self.target_groups.values().filter(|group| {
            (arns.is_empty() || arns.contains(&group.arn.as_str()))
                && (names.is_empty() || names.contains(&group.name.as_str()))
                && balancer.is_none_or(|arn| group.load_balancer_arn == arn)
        });
        let described = chosen.map(|group| {
            json!({
                "TargetGroupArn": group.arn,
                "TargetGroupName": group.name,
                "Protocol": "HTTP",
                "ProtocolVersion": "HTTP1",
                "Port": group.rules.port,
                "VpcId": VPC,
                "HealthCheckProtocol": "HTTP",
                "HealthCheckPort": "traffic-port",
                "HealthCheckEnabled": true,
                "HealthCheckIntervalSeconds": group.rules.interval_seconds,
                "HealthCheckTimeoutSeconds": 5,
                "HealthyThresholdCount": group.rules.healthy_threshold,
                "UnhealthyThresholdCount": group.rules.unhealthy_threshold,
                "HealthCheckPath": group.rules.health_check_path,
                "Matcher": {"HttpCode": "200"},
                "LoadBalancerArns": [group.load_balancer_arn],
                "TargetType": "ip",
                "IpAddressType": "ipv4",
            })
        });
        Ok(json!({"TargetGroups": described.collect::<Vec<_>>()}))
    }

    fn describe_load_balancers(&self, request: &Value) -> Result<Value, Refusal> {
        let (arns, names) = (texts(request, "LoadBalancerArns"), texts(request, "Names"));
        let unknown = arns.iter().any(|arn| !self.target_groups.values().any(|group| group.load_balancer_arn == *arn))
            || names.iter().any(|name| !self.target_groups.contains_key(*name));
        if unknown {
            return Err(Refusal::new("LoadBalancerNotFound", "One or more load balancers not found"));
        }
        let chosen = self.target_groups.values().filter(|group| {
            (arns.is_empty() || arns.contains(&group.load_balancer_arn.as_str()))
                && (names.is_empty() || names.contains(&group.name.as_str()))
        });
        let described = chosen.map(|group| {
            json!({
                "LoadBalancerArn": group.load_balancer_arn,
                "DNSName": format!("{}-1234567890.{}.elb.amazonaws.com", group.name, self.region),
                "CreatedTime": iso(self.opened_at),
                "LoadBalancerName": group.name,
                "Scheme": "internet-facing",
                "VpcId": VPC,
                "State": {"Code": "active"},
                "Type": "application",
                "AvailabilityZones": [{"ZoneName": format!("{}a", self.region)}],
                "IpAddressType": "ipv4",
            })
        });
        Ok(json!({"LoadBalancers": described.collect::<Vec<_>>()}))
    }
}

fn target(address: &str, port: u16, health: &Value) -> Value {
    json!({"Target": {"Id": address, "Port": port}, "HealthCheckPort": port.to_string(), "TargetHealth": health})
}

fn target_health(state: &TargetState) -> Value {
    let (state, reason, description) = match state {
        TargetState::Healthy => ("healthy", None, None),
        TargetState::Initial => {
            ("initial", Some("Elb.InitialHealthChecking"), Some("Initial health checks in progress"))
        }
        TargetState::Draining => {
            ("draining", Some("Target.DeregistrationInProgress"), Some("Target deregistration is in progress"))
        }
        TargetState::Unhealthy { reason, description } => {
            ("unhealthy", Some(reason.as_str()), Some(description.as_str()))
        }
    };
    present(json!({"State": state, "Reason": reason, "Description": description}))
}
