//! Makes stacks out of their seeds: the past as if it had happened, and deployments begun at their age.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::super::buckets::Buckets;
use super::super::ids::Ids;
use super::super::object_version::Object;
use super::all::Stacks;
use super::deploying::fresh;
use super::resource::Resource;
use super::seed::{SeedDeploying, SeedStack, SeedUpdate};
use super::stack::{Deployed, Scene, Stack};
use super::status::{ResourceStatus, StackStatus, Stage, Verb};
use super::template::{Parameters, Template};
use super::work::{OnFailure, OperationStatus, OperationType};
use crate::incident::time::Now;

fn refused(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what)
}

fn before(now: Now, age: Duration) -> Now {
    let age = SignedDuration::try_from(age).unwrap_or(SignedDuration::MAX);
    Now { at: now.at.checked_sub(age).unwrap_or(Timestamp::MIN), ..now }
}

/// Where stacks are made.
pub(in super::super) struct Ground<'a> {
    pub(in super::super) account: &'a str,
    pub(in super::super) region: &'a str,
    pub(in super::super) now: Now,
    pub(in super::super) ids: &'a mut Ids,
    pub(in super::super) buckets: &'a Buckets,
}

impl Stacks {
    /// The stacks that the seeds describe; `alarms` says which fire, by ARN. What makes no sense is refused with a sentence.
    pub(in super::super) fn seeded(
        ground: Ground<'_>,
        seeds: &[SeedStack],
        alarms: BTreeMap<String, bool>,
    ) -> io::Result<Self> {
        let Ground { account, region, now, ids, buckets } = ground;
        let mut stacks = Self { alarms, account: account.to_owned(), region: region.to_owned(), ..Self::default() };
        // A nested stack needs the one that it hangs in, at whatever depth.
        let mut open: Vec<&SeedStack> = seeds.iter().collect();
        while !open.is_empty() {
            let before = open.len();
            let mut waiting = Vec::new();
            for seed in open {
                match &seed.parent {
                    Some(parent) if stacks.find(&parent.stack).is_none() => waiting.push(seed),
                    Some(_) | None => stacks.grow(seed, now, ids, buckets)?,
                }
            }
            if let Some(orphan) = waiting.first().filter(|_| waiting.len() == before) {
                return Err(refused(format!(
                    "The seed's stack {}: the stack that it is nested in is not there",
                    orphan.name
                )));
            }
            open = waiting;
        }
        let mut begun: Vec<_> = seeds.iter().filter_map(|seed| Some((seed, seed.deploying.as_ref()?))).collect();
        begun.sort_by_key(|(_, deploying)| std::cmp::Reverse(deploying.age));
        for (seed, deploying) in begun {
            // Ages of what is under way are simulated time, as all durations: how far it is does not depend on the pace.
            let then = before(now, now.pace.shrink(deploying.age));
            stacks.pass(then.at, now.pace, ids, buckets);
            stacks.set_off(seed, deploying, then, (ids, buckets))?;
        }
        stacks.pass(now.at, now.pace, ids, buckets);
        Ok(stacks)
    }

    fn grow(&mut self, seed: &SeedStack, now: Now, ids: &mut Ids, buckets: &Buckets) -> io::Result<()> {
        let bad = |what: String| refused(format!("The seed's stack {}: {what}", seed.name));
        let parent = match &seed.parent {
            None => None,
            Some(parent) => {
                let found = self.find(&parent.stack);
                let found = found.ok_or_else(|| bad(format!("there is no stack {} before it", parent.stack)))?;
                Some((
                    found.id.clone(),
                    found.root.clone().unwrap_or_else(|| found.id.clone()),
                    parent.resource.clone(),
                ))
            }
        };
        let first = seed.history.first();
        let template = first.and_then(|one| one.template.as_ref());
        let template = template.or_else(|| seed.deploying.as_ref().and_then(|one| one.template.as_ref()));
        let template = template.ok_or_else(|| bad("its first deployment has no template".to_owned()))?;
        let created = before(now, first.map_or(Duration::ZERO, |one| one.age));
        let alarms = self.alarms.clone();
        let mut scene = Scene { now: created, ids, alarms: &alarms };
        let id =
            format!("arn:aws:cloudformation:{}:{}:stack/{}/{}", self.region, self.account, seed.name, scene.ids.uuid());
        let is = Deployed {
            template: read(template, buckets).map_err(bad)?,
            parameters: Parameters::new(),
            tags: first.map(|one| one.tags.clone()).unwrap_or_default(),
            capabilities: first.map(|one| one.capabilities.clone()).unwrap_or_default(),
            notification_arns: seed.notification_arns.clone(),
            role: seed.role.clone(),
            triggers: seed.rollback_triggers.clone(),
            monitoring_minutes: seed.monitoring_minutes,
        };
        let mut stack = Stack {
            parent: parent.as_ref().map(|(parent, _, _)| parent.clone()),
            root: parent.as_ref().map(|(_, root, _)| root.clone()),
            protected: seed.termination_protection,
            policy: seed.policy.clone(),
            site: seed.site.clone(),
            behaviours: seed.resources.clone(),
            ..Stack::new(&seed.name, id.clone(), created.at, is)
        };
        for (place, update) in seed.history.iter().enumerate() {
            scene.now = before(now, update.age);
            stack.live_through(&mut scene, update, place, buckets).map_err(bad)?;
        }
        if let Some(status) = seed.status {
            stack.status = status;
        }
        if let Some((parent, _, resource)) = parent {
            let hangs = self.all.iter_mut().find(|one| one.id == parent).and_then(|one| one.resource_mut(&resource));
            hangs.ok_or_else(|| bad(format!("its parent has no resource {resource}")))?.physical = id;
        }
        self.all.push(stack);
        Ok(())
    }

    /// Begins what the seed has under way.
    fn set_off(
        &mut self,
        seed: &SeedStack,
        deploying: &SeedDeploying,
        then: Now,
        (ids, buckets): (&mut Ids, &Buckets),
    ) -> io::Result<()> {
        let bad = |what: String| refused(format!("The seed's stack {}: {what}", seed.name));
        let on_failure = if deploying.disable_rollback { OnFailure::DoNothing } else { OnFailure::RollBack };
        let alarms = self.alarms.clone();
        let mut scene = Scene { now: then, ids, alarms: &alarms };
        let Some(stack) = self.all.iter_mut().find(|one| one.name == seed.name) else {
            return Ok(());
        };
        let mut new = stack.is.clone();
        if let Some(template) = &deploying.template {
            new.template = read(template, buckets).map_err(bad)?;
        }
        new.parameters = with(&new, &deploying.parameters).map_err(bad)?;
        if !deploying.capabilities.is_empty() {
            new.capabilities.clone_from(&deploying.capabilities);
        }
        if seed.history.is_empty() {
            stack.is = new;
            stack.created_at = then.at;
            stack.create(&mut scene, on_failure, deploying.token.clone());
        } else {
            stack.update(&mut scene, new, on_failure, deploying.token.clone());
        }
        Ok(())
    }
}

impl Stack {
    /// Lives through a deployment of the past.
    fn live_through(
        &mut self,
        scene: &mut Scene<'_>,
        update: &SeedUpdate,
        place: usize,
        buckets: &Buckets,
    ) -> Result<(), String> {
        if let Some(template) = &update.template {
            self.is.template = read(template, buckets)?;
        }
        self.is.parameters = with(&self.is, &update.parameters)?;
        if !update.tags.is_empty() {
            self.is.tags.clone_from(&update.tags);
        }
        if !update.capabilities.is_empty() {
            self.is.capabilities.clone_from(&update.capabilities);
        }
        let (kind, verb, during, after) = if place == 0 {
            let during = StackStatus::CreateInProgress;
            (OperationType::CreateStack, Verb::Create, during, StackStatus::CreateComplete)
        } else {
            self.updated_at = Some(scene.now.at);
            let during = StackStatus::UpdateInProgress;
            (OperationType::UpdateStack, Verb::Update, during, StackStatus::UpdateComplete)
        };
        self.begin(scene, kind, None);
        self.become_status(scene, during, Some("User Initiated".to_owned()));
        let definitions = self.is.template.definitions(&self.is.parameters);
        self.resources.retain(|live| definitions.iter().any(|one| one.logical == live.logical));
        for definition in definitions {
            let live = self.resource(&definition.logical).cloned();
            if live.as_ref().is_some_and(|live| live.is.body == definition.body) {
                continue;
            }
            let made = fresh(&definition, scene);
            let seeded = self.behaviours.get(&definition.logical).and_then(|one| one.physical_id.clone());
            let physical = live.map(|live| live.physical).or(seeded);
            let physical = physical.unwrap_or_else(|| format!("{}-{}", self.name, made.physical));
            self.put(Resource { physical, ..made });
            self.mark(scene, &definition.logical, ResourceStatus(verb, Stage::Complete), None);
        }
        self.become_status(scene, after, None);
        self.end(scene, OperationStatus::Succeeded);
        Ok(())
    }
}

fn read(template: &Value, buckets: &Buckets) -> Result<Template, String> {
    let body = match template {
        Value::String(place) if place.starts_with("s3://") => {
            let (bucket, key) = place.trim_start_matches("s3://").split_once('/').unwrap_or_default();
            let found = buckets.object(bucket, key, None).and_then(Object::text);
            found.ok_or_else(|| format!("there is no {place}"))?
        }
        Value::String(body) => body.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => format!("{template:#}"),
    };
    Template::read(&body).map_err(|refusal| refusal.message)
}

/// The parameters of what is deployed, with some changed.
fn with(is: &Deployed, changed: &Parameters) -> Result<Parameters, String> {
    let declared: Vec<&String> = is.template.declared().map(|(key, _)| key).collect();
    let mut wanted: Parameters = is.parameters.clone();
    wanted.retain(|key, _| declared.contains(&key));
    wanted.extend(changed.clone());
    let given: Vec<Value> =
        wanted.iter().map(|(key, value)| serde_json::json!({"ParameterKey": key, "ParameterValue": value})).collect();
    is.template.parameters(&given, &is.parameters).map_err(|refusal| refusal.message)
}
