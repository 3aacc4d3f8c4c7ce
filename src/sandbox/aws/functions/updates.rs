//! Updates of `$LATEST`, and versions made of it.

use std::time::Duration;

use aws_smithy_types::base64;
use serde_json::{Map, Value};

use super::super::ids::Ids;
use super::super::json::text;
use super::super::refusal::Refusal;
use super::described::Detail;
use super::function::{Content, Function, Functions, Known, Slot, Update};
use super::named::parts;
use super::perform::{invalid, must_be_revision};
use super::seed::{SeedCode, SeedPackage};
use super::seeding::of_bytes;
use crate::incident::time::Now;

/// Lambda: how long a function may run, in seconds.
const LONGEST: i64 = 900;

impl Functions {
    pub(super) fn update_code(&mut self, request: &Value, now: Now, ids: &mut Ids) -> Result<Value, Refusal> {
        let (name, _) = parts(request)?;
        let function = self.find_mut(&name)?;
        function.must_be_free()?;
        must_be_revision(request, &function.latest.revision)?;
        let sha256 = function.sent(request)?;
        let fails = function.codes.get(&sha256).and_then(|known| known.does.update_fails.clone());
        let content = Content { sha256, settings: function.latest.content.settings.clone() };
        function.begin_update(content, fails, now, ids);
        Ok(function.described(&function.latest, None, Detail::One, now.at))
    }

    pub(super) fn update_settings(&mut self, request: &Value, now: Now, ids: &mut Ids) -> Result<Value, Refusal> {
        let (name, _) = parts(request)?;
        let function = self.find_mut(&name)?;
        function.must_be_free()?;
        must_be_revision(request, &function.latest.revision)?;
        let number = |member: &str| request.get(member).and_then(Value::as_i64);
        if number("Timeout").is_some_and(|timeout| !(1..=LONGEST).contains(&timeout)) {
            return Err(invalid("Value for parameter Timeout must be between 1 and 900."));
        }
        if number("MemorySize").is_some_and(|memory| !(128..=10_240).contains(&memory)) {
            return Err(invalid(
                "'MemorySize' value failed to satisfy constraint: Member must have value between 128 and 10240",
            ));
        }
        let mut settings = function.latest.content.settings.clone();
        // Whatever is named is replaced whole: so is the environment.
        settings.extend(named(request));
        let content = Content { sha256: function.latest.content.sha256.clone(), settings };
        function.begin_update(content, None, now, ids);
        if let Some(description) = text(request, "Description") {
            description.clone_into(&mut function.latest.description);
        }
        Ok(function.described(&function.latest, None, Detail::One, now.at))
    }

    pub(super) fn publish(&mut self, request: &Value, now: Now, ids: &mut Ids) -> Result<Value, Refusal> {
        let (name, _) = parts(request)?;
        let function = self.find_mut(&name)?;
        function.must_be_free()?;
        must_be_revision(request, &function.latest.revision)?;
        let content = function.latest.content.clone();
        if let Some(asked) = text(request, "CodeSha256").filter(|asked| *asked != content.sha256) {
            return Err(invalid(format!(
                "CodeSHA256 ({asked}) is different from current CodeSHA256 in $LATEST ({}). Please try again with the \
                 CodeSHA256 in $LATEST.",
                content.sha256
            )));
        }
        if let Some(same) = function.versions.last().filter(|newest| newest.content == content) {
            return Ok(function.described(same, Some(same.version.as_str()), Detail::One, now.at));
        }
        function.numbered += 1;
        function.latest.revision = ids.uuid();
        let slot = Slot {
            version: function.numbered.to_string(),
            description: text(request, "Description").unwrap_or_default().to_owned(),
            content,
            modified: now.at,
            revision: ids.uuid(),
            state: None,
            failed: None,
        };
        let told = function.described(&slot, Some(slot.version.as_str()), Detail::One, now.at);
        function.versions.push(slot);
        Ok(told)
    }
}

/// The settings that a request names.
fn named(request: &Value) -> Map<String, Value> {
    let members = request.as_object().into_iter().flatten();
    let named = members.filter(|(member, _)| !["FunctionName", "RevisionId", "Description"].contains(&member.as_str()));
    named.map(|(member, value)| (member.clone(), value.clone())).collect()
}

impl Function {
    /// Refuses an update while another is under way.
    fn must_be_free(&self) -> Result<(), Refusal> {
        if self.update.is_none() {
            return Ok(());
        }
        let message = format!(
            "The operation cannot be performed at this time. An update is in progress for resource: {}",
            self.arn
        );
        Err(Refusal::new("ResourceConflictException", message))
    }

    /// The `CodeSha256` of what a request sends; what is new is kept.
    fn sent(&mut self, request: &Value) -> Result<String, Refusal> {
        match (self.package, text(request, "ZipFile"), text(request, "ImageUri")) {
            (SeedPackage::Zip, Some(zip), None) => {
                let zip = base64::decode(zip).map_err(|_no_base64| invalid("Could not unzip uploaded file."))?;
                let sha256 = of_bytes(SeedPackage::Zip, &zip);
                let name = format!("sent {}", sha256.get(..8).unwrap_or_default());
                self.codes.entry(sha256.clone()).or_insert(Known { name, zip, does: SeedCode::default() });
                Ok(sha256)
            }
            (SeedPackage::Image, None, Some(image)) => {
                let digest = image.rsplit_once("@sha256:").map(|(_, digest)| digest.to_owned());
                digest.filter(|digest| self.codes.contains_key(digest)).ok_or_else(|| {
                    invalid(format!("Source image {image} does not exist. Provide a valid source image."))
                })
            }
            (SeedPackage::Image, Some(_), _) => {
                Err(invalid("Please provide ImageUri when updating a function with packageType Image."))
            }
            (SeedPackage::Zip, None, Some(_)) => {
                Err(invalid("Please don't provide ImageUri when updating a function with packageType Zip."))
            }
            _ => Err(invalid("Please provide a source for function code.")),
        }
    }

    pub(super) fn begin_update(
        &mut self,
        content: Content,
        fails: Option<super::seed::SeedUpdateFailure>,
        now: Now,
        ids: &mut Ids,
    ) {
        let before = std::mem::replace(&mut self.latest.content, content);
        self.latest.modified = now.at;
        self.latest.revision = ids.uuid();
        self.latest.failed = None;
        self.update = Some(Update { ends_at: now.after(Duration::from_secs(self.update_seconds)), before, fails });
    }
}
