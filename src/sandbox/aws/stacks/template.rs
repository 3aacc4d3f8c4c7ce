//! Templates: what they declare, and what their resources become with given parameters.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::super::json::text;
use super::super::refusal::Refusal;

/// Values of parameters by key.
pub(super) type Parameters = BTreeMap<String, String>;

/// A template as it was sent, and as it is read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Template {
    pub(super) body: String,
    tree: Value,
}

/// A resource as a template defines it, with everything resolved that parameters decide.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Definition {
    pub(super) logical: String,
    pub(super) kind: String,
    /// `Type`, `Properties` and the other attributes.
    pub(super) body: Value,
    /// The resources that have to be there first.
    pub(super) needs: BTreeSet<String>,
}

fn validation(message: impl Into<String>) -> Refusal {
    Refusal::new("ValidationError", message)
}

impl Template {
    /// Reads a template; JSON, or YAML with the long forms of the functions.
    pub(super) fn read(body: &str) -> Result<Self, Refusal> {
        let tree: Option<Value> = serde_json::from_str(body).ok().or_else(|| serde_saphyr::from_str(body).ok());
        let tree = tree.filter(Value::is_object);
        let tree = tree.ok_or_else(|| validation("Template format error: unsupported structure."))?;
        let template = Self { body: body.to_owned(), tree };
        if template.section("Resources").is_none_or(Map::is_empty) {
            return Err(validation("Template format error: At least one Resources member must be defined."));
        }
        let untyped = template.section("Resources").into_iter().flatten().find(|(_, one)| text(one, "Type").is_none());
        if let Some((logical, _)) = untyped {
            let message = format!("Template format error: [/Resources/{logical}] resource must have a Type.");
            return Err(validation(message));
        }
        let lost = template.unresolved();
        if !lost.is_empty() {
            let message = format!(
                "Template format error: Unresolved resource dependencies [{}] in the Resources block of the template",
                lost.into_iter().collect::<Vec<_>>().join(", ")
            );
            return Err(validation(message));
        }
        Ok(template)
    }

    fn section(&self, name: &str) -> Option<&Map<String, Value>> {
        self.tree.get(name).and_then(Value::as_object)
    }

    /// `Description`.
    pub(super) fn description(&self) -> Option<&str> {
        text(&self.tree, "Description")
    }

    /// The declarations of parameters.
    pub(super) fn declared(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.section("Parameters").into_iter().flatten()
    }

    /// Whether a parameter's value is never shown.
    pub(super) fn is_secret(&self, key: &str) -> bool {
        let declaration = self.section("Parameters").and_then(|all| all.get(key));
        declaration.and_then(|one| one.get("NoEcho")).is_some_and(|no| no == true || no == "true")
    }

    /// The capabilities that a request has to acknowledge.
    pub(super) fn capabilities(&self) -> Vec<&'static str> {
        let resources = || self.section("Resources").into_iter().flat_map(Map::values);
        let iam = || resources().filter(|one| text(one, "Type").is_some_and(|kind| kind.starts_with("AWS::IAM::")));
        let names = ["RoleName", "UserName", "GroupName", "ManagedPolicyName", "InstanceProfileName"];
        let named = iam().any(|one| names.iter().any(|name| one.pointer(&format!("/Properties/{name}")).is_some()));
        let mut needed = Vec::new();
        if named {
            needed.push("CAPABILITY_NAMED_IAM");
        } else if iam().next().is_some() {
            needed.push("CAPABILITY_IAM");
        }
        if self.tree.get("Transform").is_some() {
            needed.push("CAPABILITY_AUTO_EXPAND");
        }
        needed
    }

    /// The template after its transforms; what they would do is left out, only their declaration goes.
    pub(super) fn processed(&self) -> String {
        if self.tree.get("Transform").is_none() {
            return self.body.clone();
        }
        let mut tree = self.tree.clone();
        if let Some(members) = tree.as_object_mut() {
            members.remove("Transform");
        }
        tree.to_string()
    }

    /// The value of each parameter of a request over those before.
    pub(super) fn parameters(&self, given: &[Value], before: &Parameters) -> Result<Parameters, Refusal> {
        let known: BTreeMap<&String, &Value> = self.declared().collect();
        let unknown: Vec<&str> = given
            .iter()
            .filter_map(|one| text(one, "ParameterKey"))
            .filter(|key| !known.keys().any(|known| known == key))
            .collect();
        if !unknown.is_empty() {
            return Err(validation(format!("Parameters: [{}] do not exist in the template", unknown.join(", "))));
        }
        let mut values = Parameters::new();
        let mut without = Vec::new();
        for (key, declaration) in known {
            let one = given.iter().find(|one| text(one, "ParameterKey") == Some(key));
            let previous = one.and_then(|one| one.get("UsePreviousValue")).and_then(Value::as_bool) == Some(true);
            let sent = one.and_then(|one| text(one, "ParameterValue"));
            if previous && sent.is_some() {
                let message = format!(
                    "Invalid input for parameter key {key}. Cannot specify usePreviousValue as true and a parameter value"
                );
                return Err(validation(message));
            }
            if previous && !before.contains_key(key) {
                let message = format!(
                    "Invalid input for parameter key {key}. Cannot specify usePreviousValue as true for a parameter key not in the previous template"
                );
                return Err(validation(message));
            }
            let value = if previous { before.get(key).cloned() } else { sent.map(str::to_owned) };
            match value.or_else(|| default_of(declaration)) {
                Some(value) => {
                    allowed(key, declaration, &value)?;
                    values.insert(key.clone(), value);
                }
                None => without.push(key.as_str()),
            }
        }
        if without.is_empty() {
            return Ok(values);
        }
        Err(validation(format!("Parameters: [{}] must have values", without.join(", "))))
    }

    /// The resources that the template defines with these parameters.
    pub(super) fn definitions(&self, parameters: &Parameters) -> Vec<Definition> {
        let resources = self.section("Resources");
        let all: BTreeSet<&String> = resources.into_iter().flat_map(Map::keys).collect();
        let defined = resources.into_iter().flatten().filter(|(_, one)| self.is_wanted(one, parameters));
        defined
            .map(|(logical, one)| {
                let mut needs = BTreeSet::new();
                references(one, &mut needs);
                needs.retain(|name| all.contains(name) && name != logical);
                Definition {
                    logical: logical.clone(),
                    kind: text(one, "Type").unwrap_or_default().to_owned(),
                    body: self.resolve(one, parameters),
                    needs,
                }
            })
            .collect()
    }

    /// The resources as they are written, with nothing put in.
    pub(super) fn unresolved_definitions(&self) -> Vec<Definition> {
        let all = self.section("Resources").into_iter().flatten();
        let written = all.map(|(logical, one)| Definition {
            logical: logical.clone(),
            kind: text(one, "Type").unwrap_or_default().to_owned(),
            body: one.clone(),
            needs: BTreeSet::new(),
        });
        written.collect()
    }

    /// `Outputs` with these parameters; what resources give is named by `physical`.
    pub(super) fn outputs(&self, parameters: &Parameters, physical: impl Fn(&str) -> Option<String>) -> Value {
        let outputs = self.section("Outputs").into_iter().flatten();
        let told = outputs.filter(|(_, one)| self.is_wanted(one, parameters)).map(|(key, one)| {
            let value = self.resolve(one.get("Value").unwrap_or(&Value::Null), parameters);
            let value =
                match (value.as_str(), text(&value, "Ref"), value.pointer("/Fn::GetAtt/0").and_then(Value::as_str)) {
                    (Some(value), _, _) => value.to_owned(),
                    (_, Some(logical), _) | (_, _, Some(logical)) => physical(logical).unwrap_or_default(),
                    _ => value.to_string(),
                };
            json!({"OutputKey": key, "OutputValue": value, "Description": text(one, "Description")})
        });
        told.collect()
    }

    fn is_wanted(&self, one: &Value, parameters: &Parameters) -> bool {
        text(one, "Condition").is_none_or(|name| self.condition(name, parameters))
    }

    fn condition(&self, name: &str, parameters: &Parameters) -> bool {
        self.section("Conditions").and_then(|all| all.get(name)).is_none_or(|one| self.holds(one, parameters))
    }

    fn holds(&self, condition: &Value, parameters: &Parameters) -> bool {
        let list = |name: &str| condition.get(name).and_then(Value::as_array);
        if let Some([one, other]) = list("Fn::Equals").map(Vec::as_slice) {
            return self.resolve(one, parameters) == self.resolve(other, parameters);
        }
        if let Some([one]) = list("Fn::Not").map(Vec::as_slice) {
            return !self.holds(one, parameters);
        }
        if let Some(all) = list("Fn::And") {
            return all.iter().all(|one| self.holds(one, parameters));
        }
        if let Some(any) = list("Fn::Or") {
            return any.iter().any(|one| self.holds(one, parameters));
        }
        text(condition, "Condition").is_none_or(|name| self.condition(name, parameters))
    }

    /// A value with parameters, mappings and conditions put in; what only resources know stays as it is.
    fn resolve(&self, value: &Value, parameters: &Parameters) -> Value {
        match value {
            Value::Object(members) => {
                if let Some(known) = text(value, "Ref").and_then(|name| parameters.get(name)) {
                    return Value::from(known.as_str());
                }
                if let Some(sub) = value.get("Fn::Sub") {
                    let pattern = sub.as_str().or_else(|| sub.get(0).and_then(Value::as_str)).unwrap_or_default();
                    let mut filled = parameters
                        .iter()
                        .fold(pattern.to_owned(), |filled, (key, value)| filled.replace(&format!("${{{key}}}"), value));
                    for (key, value) in sub.get(1).and_then(Value::as_object).into_iter().flatten() {
                        if let Some(value) = self.resolve(value, parameters).as_str() {
                            filled = filled.replace(&format!("${{{key}}}"), value);
                        }
                    }
                    let open = filled.contains("${");
                    return if open { json!({"Fn::Sub": filled}) } else { Value::from(filled) };
                }
                if let Some([name, yes, no]) = value.get("Fn::If").and_then(Value::as_array).map(Vec::as_slice) {
                    let holds = self.condition(name.as_str().unwrap_or_default(), parameters);
                    return self.resolve(if holds { yes } else { no }, parameters);
                }
                if let Some(found) = value.get("Fn::FindInMap").and_then(|path| self.find_in_map(path, parameters)) {
                    return found;
                }
                let resolved = members.iter().map(|(name, one)| (name.clone(), self.resolve(one, parameters)));
                Value::Object(resolved.filter(|(_, one)| text(one, "Ref") != Some("AWS::NoValue")).collect())
            }
            Value::Array(items) => items.iter().map(|one| self.resolve(one, parameters)).collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
        }
    }

    fn find_in_map(&self, path: &Value, parameters: &Parameters) -> Option<Value> {
        let steps = path.as_array()?.iter().map(|step| self.resolve(step, parameters));
        let mut found = self.tree.get("Mappings")?;
        for step in steps {
            found = found.get(step.as_str()?)?;
        }
        Some(found.clone())
    }

    /// Names of `Ref` and `DependsOn` in resources that are neither resources nor parameters.
    fn unresolved(&self) -> BTreeSet<String> {
        let mut named = BTreeSet::new();
        self.section("Resources").into_iter().flat_map(Map::values).for_each(|one| references(one, &mut named));
        let known = |name: &String| {
            let sections = ["Resources", "Parameters"];
            sections.iter().any(|section| self.section(section).is_some_and(|all| all.contains_key(name)))
        };
        named.retain(|name| !name.starts_with("AWS::") && !known(name));
        named
    }
}

/// What a value refers to by `Ref`, `Fn::GetAtt`, `Fn::Sub` and `DependsOn`.
pub(super) fn references(value: &Value, found: &mut BTreeSet<String>) {
    let mut add = |name: &str| {
        found.insert(name.to_owned());
    };
    if let Some(name) = text(value, "Ref") {
        add(name);
    }
    match value.get("Fn::GetAtt") {
        Some(Value::String(path)) => add(path.split('.').next().unwrap_or_default()),
        Some(path) => add(path.get(0).and_then(Value::as_str).unwrap_or_default()),
        None => {}
    }
    match value.get("DependsOn") {
        Some(Value::String(name)) => add(name),
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).for_each(add),
        Some(_) | None => {}
    }
    if let Some(sub) = value.get("Fn::Sub") {
        let pattern = sub.as_str().or_else(|| sub.get(0).and_then(Value::as_str)).unwrap_or_default();
        let own = sub.get(1).and_then(Value::as_object);
        for name in pattern.split("${").skip(1).filter_map(|rest| rest.split('}').next()) {
            let name = name.split('.').next().unwrap_or_default();
            if !name.starts_with('!') && own.is_none_or(|own| !own.contains_key(name)) {
                found.insert(name.to_owned());
            }
        }
    }
    match value {
        Value::Object(members) => members.values().for_each(|one| references(one, found)),
        Value::Array(items) => items.iter().for_each(|one| references(one, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn default_of(declaration: &Value) -> Option<String> {
    let default = declaration.get("Default")?;
    Some(default.as_str().map_or_else(|| default.to_string(), str::to_owned))
}

fn allowed(key: &str, declaration: &Value, value: &str) -> Result<(), Refusal> {
    let Some(values) = declaration.get("AllowedValues").and_then(Value::as_array) else {
        return Ok(());
    };
    let written = |one: &Value| one.as_str().map_or_else(|| one.to_string(), str::to_owned);
    let list: Vec<String> = values.iter().map(written).collect();
    if list.iter().any(|one| one == value) {
        return Ok(());
    }
    Err(validation(format!("Parameter '{key}' must be one of AllowedValues: [{}]", list.join(", "))))
}
