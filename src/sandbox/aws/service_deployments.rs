//! ECS operations on service deployments and revisions.

use std::time::Duration;

use serde_json::{Value, json};

use super::account::{Account, missing};
use super::json::{PageLength, page, seconds, text, texts};
use super::refusal::Refusal;
use super::seed::{Controller, RollbackCause};
use super::service::{HookAnswer, Scene, Service, ServiceDeployment, ServiceDeploymentStatus};

/// ARNs per describe call.
const AT_ONCE: usize = 20;

impl Account {
    /// `ListServiceDeployments`, newest first.
    pub(super) fn list_service_deployments(&self, request: &Value) -> Result<Value, Refusal> {
        let cluster = self.cluster(request)?;
        let named = text(request, "service").unwrap_or_default();
        let service = self
            .service(&cluster, named)
            .ok_or_else(|| Refusal::new("ServiceNotFoundException", "Service not found."))?;
        let statuses = texts(request, "status");
        let bound = |name: &str| request.pointer(&format!("/createdAt/{name}")).and_then(Value::as_f64);
        let (after, before) = (bound("after"), bound("before"));
        let chosen = service.service_deployments.iter().rev().filter(|one| {
            let created = seconds(one.created_at).as_f64().unwrap_or_default();
            (statuses.is_empty() || statuses.contains(&one.status.word()))
                && after.is_none_or(|after| created >= after)
                && before.is_none_or(|before| created <= before)
        });
        let briefs: Vec<Value> = chosen.map(|one| service.brief(one)).collect();
        page(request, "serviceDeployments", &briefs, PageLength { usual: 100, most: 100 })
    }

    fn arns<'a>(request: &'a Value, member: &str, kind: &str) -> Result<Vec<&'a str>, Refusal> {
        let arns = texts(request, member);
        if arns.is_empty() || arns.len() > AT_ONCE {
            return Err(Refusal::invalid(format!("{member} must have 1 to {AT_ONCE} items.")));
        }
        match arns.iter().find(|arn| !is_arn_of(arn, kind)) {
            Some(arn) => Err(Refusal::invalid(format!("{arn} is not the ARN of a {kind}."))),
            None => Ok(arns),
        }
    }

    /// `DescribeServiceDeployments`.
    pub(super) fn describe_service_deployments(&self, request: &Value) -> Result<Value, Refusal> {
        let (mut found, mut failures) = (Vec::new(), Vec::new());
        for arn in Self::arns(request, "serviceDeploymentArns", "service-deployment")? {
            match self.find_service_deployment(arn) {
                Some((service, one)) => found.push(service.service_deployment_described(one)),
                None => failures.push(missing(arn)),
            }
        }
        Ok(json!({"serviceDeployments": found, "failures": failures}))
    }

    /// `DescribeServiceRevisions`.
    pub(super) fn describe_service_revisions(&self, request: &Value) -> Result<Value, Refusal> {
        let (mut found, mut failures) = (Vec::new(), Vec::new());
        for arn in Self::arns(request, "serviceRevisionArns", "service-revision")? {
            let revision = self.services.iter().find_map(|service| Some((service, service.revision(arn)?)));
            match revision {
                Some((service, revision)) => found.push(revision.described(&service.arn, &service.cluster_arn)),
                None => failures.push(missing(arn)),
            }
        }
        Ok(json!({"serviceRevisions": found, "failures": failures}))
    }

    fn find_service_deployment(&self, arn: &str) -> Option<(&Service, &ServiceDeployment)> {
        self.services.iter().find_map(|service| {
            let mut own = service.service_deployments.iter();
            own.find(|one| one.arn == arn).map(|one| (service, one))
        })
    }

    fn named_service_deployment(&self, request: &Value) -> Result<(&Service, &ServiceDeployment), Refusal> {
        let arn = text(request, "serviceDeploymentArn").unwrap_or_default();
        if !is_arn_of(arn, "service-deployment") {
            return Err(Refusal::invalid("The service deployment ARN is not valid."));
        }
        self.find_service_deployment(arn)
            .ok_or_else(|| Refusal::new("ServiceDeploymentNotFoundException", "Service deployment not found."))
    }

    /// `StopServiceDeployment`: rolls back a deployment that is PENDING or `IN_PROGRESS`. One that is rolling back goes on
    /// doing so; one that is over is a conflict.
    pub(super) fn stop_service_deployment(&mut self, request: &Value) -> Result<Value, Refusal> {
        let (service, deployment) = self.named_service_deployment(request)?;
        let arn = deployment.arn.clone();
        if text(request, "stopType") == Some("ABORT") {
            return Err(Refusal::invalid("The stop type ABORT is not supported. Use ROLLBACK."));
        }
        if service.controller != Controller::Ecs {
            let message =
                "Only services with the ECS deployment controller have service deployments that can be stopped.";
            return Err(Refusal::new("UnsupportedFeatureException", message));
        }
        match deployment.status {
            ServiceDeploymentStatus::Pending | ServiceDeploymentStatus::InProgress => {}
            ServiceDeploymentStatus::RollbackRequested | ServiceDeploymentStatus::RollbackInProgress => {
                return Ok(json!({"serviceDeploymentArn": arn}));
            }
            ServiceDeploymentStatus::Successful
            | ServiceDeploymentStatus::Stopped
            | ServiceDeploymentStatus::RollbackSuccessful
            | ServiceDeploymentStatus::RollbackFailed => {
                let message =
                    format!("The service deployment is {} and can no longer be stopped.", deployment.status.word());
                return Err(Refusal::new("ConflictException", message).with("resourceIds", json!([arn])));
            }
        }
        if service.completed.as_deref().is_none_or(|completed| completed == deployment.target) {
            return Err(Refusal::invalid("There is no earlier service revision to roll back to."));
        }
        let now = self.now();
        let stopped =
            self.services.iter_mut().find(|service| service.current().is_some_and(|current| current.arn == arn));
        if let Some(service) = stopped {
            let scene = Scene { now, images: &self.images, ids: &mut self.ids };
            service.request_rollback(&scene, RollbackCause::Request);
        }
        Ok(json!({"serviceDeploymentArn": arn}))
    }

    /// `ContinueServiceDeployment`, at the `PAUSE` hook that the deployment has come to. What is left out is `CONTINUE`.
    pub(super) fn continue_service_deployment(&mut self, request: &Value) -> Result<Value, Refusal> {
        let (service, deployment) = self.named_service_deployment(request)?;
        let arn = deployment.arn.clone();
        let hook = text(request, "hookId").unwrap_or_default();
        let waits = deployment.is_paused() && deployment.hook.as_ref().is_some_and(|own| own.id == hook);
        if !waits {
            return Err(Refusal::invalid(format!("The service deployment is not waiting at a lifecycle hook {hook}.")));
        }
        let answer = match text(request, "action") {
            Some("ROLLBACK") => HookAnswer::Rollback,
            Some(_) | None => HookAnswer::Continue,
        };
        if answer == HookAnswer::Rollback && service.completed.is_none() {
            return Err(Refusal::invalid("There is no earlier service revision to roll back to."));
        }
        let now = self.now();
        let paused =
            self.services.iter_mut().find(|service| service.current().is_some_and(|current| current.arn == arn));
        if let Some(service) = paused {
            let hook = service.service_deployments.last_mut().and_then(|current| current.hook.as_mut());
            if let Some(hook) = hook {
                hook.answer = Some(answer);
            }
            let scene = Scene { now, images: &self.images, ids: &mut self.ids };
            match answer {
                HookAnswer::Rollback => service.request_rollback(&scene, RollbackCause::Hook),
                HookAnswer::Continue => service.look_after(now, Duration::from_secs(1)),
            }
        }
        Ok(json!({"serviceDeploymentArn": arn}))
    }
}

fn is_arn_of(arn: &str, kind: &str) -> bool {
    arn.starts_with("arn:aws:ecs:") && arn.split(':').nth(5).is_some_and(|rest| rest.split('/').next() == Some(kind))
}
