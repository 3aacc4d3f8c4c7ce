//! Makes a service that `CodeDeploy` deploys out of a seed.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::account::Account;
use super::blue_green::{BlueGreen, CodeStatus, Creator, TaskSet};
use super::code_deploy::sha256;
use super::seed::{Ending, SeedCodeDeploy, SeedInFlight, SeedService};
use super::seeding::{ago, refused};
use super::service::{Scene, Service};
use crate::incident::time::Now;

/// From the request of a past deployment to its end.
const LASTED: SignedDuration = SignedDuration::from_mins(6);

/// The `AppSpec` that the pipeline of a scenario writes.
fn app_spec(service: &Service, task_definition: &str) -> String {
    let (container, port) = service
        .balancing
        .as_ref()
        .map_or(("app", 80), |balancing| (balancing.container_name.as_str(), balancing.container_port));
    format!(
        "version: 0.0\nResources:\n  - TargetService:\n      Type: AWS::ECS::Service\n      Properties:\n        \
         TaskDefinition: \"{task_definition}\"\n        LoadBalancerInfo:\n          ContainerName: \"{container}\"\n          \
         ContainerPort: {port}\n"
    )
}

impl Account {
    /// Turns a service that was seeded as one of ECS's own controller into one that `CodeDeploy` deploys: the same past,
    /// told as deployments of the group, and one task set.
    pub(super) fn hand_to_code_deploy(
        &mut self,
        service: &mut Service,
        seed: &SeedService,
        group: &SeedCodeDeploy,
    ) -> io::Result<()> {
        let named = format!("service {} in cluster {}", seed.name, seed.cluster);
        let blue = service.balancing.as_ref().map(|balancing| balancing.target_group_arn.clone());
        let green = self.target_groups.get(&group.green_target_group).map(|group| group.arn.clone());
        let (Some(blue), Some(green)) = (blue, green) else {
            return Err(refused(format!("The seed has no two target groups for {named}.")));
        };
        let Some(primary) = service.primary().cloned() else {
            return Err(refused(format!("The history of {named} has no deployment that succeeded.")));
        };
        let mut blue_green = BlueGreen {
            application: group.application.clone(),
            group: group.group.clone(),
            config: group.config.clone(),
            termination_wait: Duration::from_secs(60 * u64::from(group.termination_wait_minutes)),
            target_groups: [blue.clone(), green],
            sets: Vec::new(),
            primary: primary.id.clone(),
            deployments: Vec::new(),
            revisions: BTreeMap::new(),
        };
        for past in &seed.history {
            let (task_definition, _) = self.containers_then(&past.task_definition, &past.image_digests)?;
            let at = ago(self.now(), past.age);
            let spec = app_spec(service, &task_definition);
            let digest = sha256(&spec);
            blue_green.revisions.insert(digest.clone(), (spec, task_definition));
            let mut scene = Scene { now: Now { at, pace: self.pace }, images: &self.images, ids: &mut self.ids };
            let id = blue_green.open(&mut scene, &digest, Creator::User, None);
            let end = at.checked_add(LASTED).unwrap_or(at).min(self.at);
            let good = blue_green.deployments.iter().rev().skip(1).find(|older| older.status == CodeStatus::Succeeded);
            let good = good.map(|good| good.revision.clone());
            let rolled_back = matches!(past.status, Ending::RollbackSuccessful | Ending::RollbackFailed);
            if let Some(opened) = blue_green.deployments.last_mut() {
                opened.started_at = Some(at);
                opened.completed_at = Some(end);
                opened.status = match past.status {
                    Ending::Successful => CodeStatus::Succeeded,
                    Ending::Stopped | Ending::RollbackSuccessful | Ending::RollbackFailed => CodeStatus::Stopped,
                };
                opened.shifted_at = (past.status == Ending::Successful).then_some(end);
            }
            if let (true, Some(good)) = (rolled_back, good) {
                let rollback = blue_green.open(&mut scene, &good, Creator::Rollback, None);
                for deployment in &mut blue_green.deployments {
                    if deployment.id == rollback {
                        deployment.rollback_of = Some(id.clone());
                        deployment.completed_at = Some(end);
                        let failed = past.status == Ending::RollbackFailed;
                        deployment.status = if failed { CodeStatus::Failed } else { CodeStatus::Succeeded };
                    } else if deployment.id == id {
                        deployment.rolled_back_by = Some(rollback.clone());
                    }
                }
            }
        }
        let made_by = blue_green
            .deployments
            .iter_mut()
            .rev()
            .find(|one| one.status == CodeStatus::Succeeded && one.creator == Creator::User);
        let Some(made_by) = made_by else { return Err(refused(format!("Nothing of {named} succeeded."))) };
        made_by.green = Some(primary.id.clone());
        blue_green.sets.push(TaskSet {
            id: primary.id.clone(),
            external_id: made_by.id.clone(),
            revision: primary.revision.clone(),
            task_definition: primary.task_definition.clone(),
            target_group: blue,
            created_at: primary.created_at,
            weight: 100,
            is_leaving: false,
        });
        service.deployments.clear();
        service.service_deployments.clear();
        service.blue_green = Some(blue_green);
        match &seed.in_flight {
            Some(in_flight) => self.put_code_deploy_in_flight(service, in_flight),
            None => Ok(()),
        }
    }

    /// A deployment under way: with all its tasks up, traffic is shifted to them now.
    fn put_code_deploy_in_flight(&mut self, service: &mut Service, seed: &SeedInFlight) -> io::Result<()> {
        let (task_definition, containers) = self.containers_then(&seed.task_definition, &BTreeMap::new())?;
        let at = ago(self.now(), seed.age);
        let spec = app_spec(service, &task_definition);
        let digest = sha256(&spec);
        let mut scene = Scene { now: Now { at, pace: self.pace }, images: &self.images, ids: &mut self.ids };
        let Some(group) = service.blue_green.as_mut() else { return Ok(()) };
        group.revisions.insert(digest.clone(), (spec, task_definition.clone()));
        let id = group.open(&mut scene, &digest, Creator::User, None);
        let Some(set) = service.add_set(&mut scene, &id, &task_definition, containers) else { return Ok(()) };
        let revision = service.revisions.last().cloned();
        for _ in 0..seed.running.min(service.desired_count) {
            let Some(revision) = &revision else { break };
            let task = service.place_task(&mut scene, &set, revision);
            service.tasks.push(task.already_running(&self.images, service.balancing.as_ref(), at));
        }
        let began = (seed.running >= service.desired_count).then_some(self.at);
        if let Some(opened) = service.blue_green.as_mut().and_then(|group| group.deployments.last_mut()) {
            opened.status = CodeStatus::InProgress;
            opened.started_at = Some(self.at);
            opened.shift_began = began;
        }
        let mut scene = Scene { now: self.now(), images: &self.images, ids: &mut self.ids };
        service.turn_blue_green(&mut scene);
        Ok(())
    }

    /// The request by which somebody outside deploys a task definition to a service that `CodeDeploy` deploys.
    pub(super) fn code_deployment(&self, cluster: &str, service: &str, task_definition: &str) -> Option<Value> {
        let service = self.service(cluster, service)?;
        let group = service.blue_green.as_ref()?;
        let definition = self.task_definitions.find(task_definition)?;
        let content = app_spec(service, &definition.arn);
        Some(json!({
            "applicationName": group.application,
            "deploymentGroupName": group.group,
            "revision": {
                "revisionType": "AppSpecContent",
                "appSpecContent": {"sha256": sha256(&content), "content": content},
            },
        }))
    }
}
