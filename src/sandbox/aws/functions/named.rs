//! Functions by the names that requests have for them: a name, an ARN or a part of one, with or without a qualifier.

use serde_json::Value;

use super::super::json::text;
use super::super::refusal::Refusal;
use super::function::{Alias, Function, Functions, LATEST, Slot};

/// Which function, and which version or alias of it.
pub(super) struct Named<'f> {
    pub(super) function: &'f Function,
    /// `None` where the request names none: `$LATEST` is meant.
    pub(super) qualifier: Option<String>,
}

/// Name and qualifier.
pub(super) fn parts(request: &Value) -> Result<(String, Option<String>), Refusal> {
    let named = text(request, "FunctionName").unwrap_or_default();
    let plain = named.rsplit_once("function:").map_or(named, |(_, rest)| rest);
    let (name, own) = match plain.split_once(':') {
        Some((name, qualifier)) => (name, Some(qualifier.to_owned())),
        None => (plain, None),
    };
    let asked = text(request, "Qualifier").map(str::to_owned);
    match (own, asked) {
        (Some(own), Some(asked)) if own != asked => Err(Refusal::new(
            "InvalidParameterValueException",
            "The derived qualifier from the function name does not match the specified qualifier.",
        )),
        (own, asked) => Ok((name.to_owned(), asked.or(own))),
    }
}

impl Functions {
    pub(super) fn no_function(&self, name: &str) -> Refusal {
        let arn = format!("arn:aws:lambda:{}:{}:function:{name}", self.region, self.account);
        Refusal::new("ResourceNotFoundException", format!("Function not found: {arn}"))
    }

    pub(super) fn find(&self, name: &str) -> Result<&Function, Refusal> {
        self.all.iter().find(|function| function.name == name).ok_or_else(|| self.no_function(name))
    }

    pub(super) fn find_mut(&mut self, name: &str) -> Result<&mut Function, Refusal> {
        let missing = self.no_function(name);
        self.all.iter_mut().find(|function| function.name == name).ok_or(missing)
    }

    pub(super) fn named(&self, request: &Value) -> Result<Named<'_>, Refusal> {
        let (name, qualifier) = parts(request)?;
        Ok(Named { function: self.find(&name)?, qualifier })
    }
}

impl Function {
    pub(super) fn alias(&self, name: &str) -> Result<&Alias, Refusal> {
        self.aliases.iter().find(|alias| alias.name == name).ok_or_else(|| self.no_alias(name))
    }

    pub(super) fn no_alias(&self, name: &str) -> Refusal {
        Refusal::new("ResourceNotFoundException", format!("Cannot find alias arn: {}:{name}", self.arn))
    }

    pub(super) fn no_version(&self, version: &str) -> Refusal {
        Refusal::new("ResourceNotFoundException", format!("Function not found: {}:{version}", self.arn))
    }

    /// The version that a qualifier means: itself, or where an alias points.
    pub(super) fn qualified(&self, qualifier: Option<&str>) -> Result<&Slot, Refusal> {
        let Some(qualifier) = qualifier else { return Ok(&self.latest) };
        if let Some(slot) = self.slot(qualifier) {
            return Ok(slot);
        }
        let alias = self.aliases.iter().find(|alias| alias.name == qualifier);
        alias.and_then(|alias| self.slot(&alias.version)).ok_or_else(|| self.no_version(qualifier))
    }

    /// The ARN of what a qualifier means.
    pub(super) fn arn_of(&self, qualifier: Option<&str>) -> String {
        match qualifier {
            None => self.arn.clone(),
            Some(qualifier) => format!("{}:{qualifier}", self.arn),
        }
    }

    /// A qualifier as seeds write it.
    pub(super) fn place(qualifier: Option<&str>) -> &str {
        qualifier.unwrap_or(LATEST)
    }
}
