//! All stacks of an account: which is meant, the passing of time over them, and what nested ones and their parents tell
//! each other.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::super::buckets::Buckets;
use super::super::ids::Ids;
use super::super::json::text;
use super::super::refusal::Refusal;
use super::change_sets::ChangeSet;
use super::stack::{Deployed, Scene, Stack};
use super::status::StackStatus;
use super::template::{Definition, Template};
use super::work::{OnFailure, Order};
use crate::incident::time::{Now, Pace};

/// The stacks of an account, with what belongs to them.
#[derive(Debug, Default)]
pub(in super::super) struct Stacks {
    pub(super) all: Vec<Stack>,
    pub(super) change_sets: Vec<ChangeSet>,
    /// CloudWatch alarms by ARN, and whether they fire.
    pub(super) alarms: BTreeMap<String, bool>,
    /// The account's id and region.
    pub(super) account: String,
    pub(super) region: String,
}

impl Stacks {
    /// Lets time pass until `until`: everything happens at its own time.
    pub(in super::super) fn pass(&mut self, until: Timestamp, pace: Pace, ids: &mut Ids, buckets: &Buckets) {
        while let Some(due) = self.due().filter(|due| *due <= until) {
            self.step(Now { at: due, pace }, ids, buckets);
        }
    }

    /// When something happens next by itself.
    pub(in super::super) fn due(&self) -> Option<Timestamp> {
        let stacks = self.all.iter().filter_map(Stack::due);
        stacks.chain(self.change_sets.iter().filter_map(ChangeSet::due)).min()
    }

    fn step(&mut self, now: Now, ids: &mut Ids, buckets: &Buckets) {
        let due: Vec<String> = self
            .all
            .iter()
            .filter(|one| one.due().is_some_and(|due| due <= now.at))
            .map(|one| one.id.clone())
            .collect();
        for id in due {
            let alarms = self.alarms.clone();
            let mut scene = Scene { now, ids, alarms: &alarms };
            if let Some(stack) = self.all.iter_mut().find(|one| one.id == id) {
                let orders = stack.step(&mut scene);
                self.carry_out(&mut scene, orders, buckets);
            }
        }
        self.step_change_sets(now);
    }

    /// Tells nested stacks what their parents want.
    pub(super) fn carry_out(&mut self, scene: &mut Scene<'_>, orders: Vec<Order>, buckets: &Buckets) {
        let mut open = orders;
        while let Some(order) = open.pop() {
            let (Order::Deploy { child, .. }
            | Order::TakeBack { child, .. }
            | Order::Cancel { child }
            | Order::Delete { child }
            | Order::Settle { child }) = &order;
            let Some(stack) = self.all.iter_mut().find(|one| one.id == *child) else {
                continue;
            };
            match order {
                Order::Deploy { definition, .. } => match nested(stack, &definition, buckets) {
                    Ok(new) if new == stack.is => stack.report = Some(Ok(())),
                    Ok(new) => stack.update(scene, new, OnFailure::RollBack, None),
                    Err(refusal) => stack.report = Some(Err(refusal.message)),
                },
                Order::TakeBack { skip, .. } => stack.take_back_nested(scene, skip),
                Order::Cancel { .. } => open.extend(stack.stop_nested(scene)),
                Order::Delete { .. } => stack.delete(scene, &[], None),
                Order::Settle { .. } => open.extend(stack.forget()),
            }
        }
        self.hear(scene.now);
    }

    /// Tells parents what has become of what they wait for.
    fn hear(&mut self, now: Now) {
        let reports: Vec<_> = self
            .all
            .iter_mut()
            .filter_map(|one| Some((one.parent.clone()?, one.id.clone(), one.status, one.report.take()?)))
            .collect();
        for (parent, child, status, report) in reports {
            let waiting = self.all.iter_mut().find(|one| one.id == parent).and_then(|parent| parent.work.as_mut());
            let running = waiting.into_iter().flat_map(|work| &mut work.running);
            for running in running.filter(|running| running.child.as_deref() == Some(child.as_str())) {
                running.until = now.at;
                running.fails = report.as_ref().err().map(|reason| {
                    format!(
                        "Embedded stack {child} was not successfully updated. Currently in {} with reason: {reason}",
                        status.word()
                    )
                });
            }
        }
    }

    /// The id of a new stack.
    pub(super) fn stack_id(&self, name: &str, ids: &mut Ids) -> String {
        format!("arn:aws:cloudformation:{}:{}:stack/{name}/{}", self.region, self.account, ids.uuid())
    }

    /// The stack that a name or an id means; deleted ones go by their id only.
    pub(super) fn find(&self, named: &str) -> Option<&Stack> {
        let is_meant =
            |one: &&Stack| one.id == named || (one.name == named && one.status != StackStatus::DeleteComplete);
        self.all.iter().find(is_meant)
    }

    /// The stack that a request wants to do something with.
    pub(super) fn named<'a>(&'a mut self, request: &Value) -> Result<&'a mut Stack, Refusal> {
        let named = text(request, "StackName").unwrap_or_default();
        let missing = || Refusal::new("ValidationError", format!("Stack [{named}] does not exist"));
        let id = self.find(named).filter(|one| one.status != StackStatus::DeleteComplete).map(|one| one.id.clone());
        let id = id.ok_or_else(missing)?;
        self.all.iter_mut().find(|one| one.id == id).ok_or_else(missing)
    }

    /// The ids of a stack and of everything nested in it.
    pub(super) fn family<'a>(&'a self, root: &'a str) -> impl Iterator<Item = &'a Stack> {
        self.all.iter().filter(move |one| one.id == root || one.root.as_deref() == Some(root))
    }

    /// An alarm begins or ceases to fire.
    pub(in super::super) fn set_alarm(&mut self, arn: &str, firing: bool, now: Now, ids: &mut Ids) {
        self.alarms.insert(arn.to_owned(), firing);
        let alarms = self.alarms.clone();
        let scene = Scene { now, ids, alarms: &alarms };
        for stack in self.all.iter_mut().filter(|one| one.is.triggers.iter().any(|trigger| trigger == arn)) {
            stack.nudge(&scene);
        }
    }

    /// Only these alarms are there, by ARN, with whether they fire.
    pub(in super::super) fn know_alarms(&mut self, alarms: BTreeMap<String, bool>) {
        self.alarms = alarms;
    }
}

/// What a parent's definition of a nested stack makes of it.
pub(super) fn nested(stack: &Stack, definition: &Definition, buckets: &Buckets) -> Result<Deployed, Refusal> {
    let properties = definition.body.get("Properties").unwrap_or(&Value::Null);
    let template = match text(properties, "TemplateURL").map(|url| buckets.template(url)) {
        None => stack.is.template.clone(),
        Some(Ok(body)) => Template::read(&body)?,
        Some(Err(complaint)) => return Err(Refusal::new("ValidationError", complaint)),
    };
    let given = properties.get("Parameters").and_then(Value::as_object).into_iter().flatten();
    let given: Vec<Value> =
        given.map(|(key, value)| serde_json::json!({"ParameterKey": key, "ParameterValue": value})).collect();
    let parameters = template.parameters(&given, &stack.is.parameters)?;
    Ok(Deployed { template, parameters, ..stack.is.clone() })
}
