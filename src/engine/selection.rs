//! Which targets of a service a request is about. Pure.

use crate::config::{Inclusion, ServiceIn, Target, nearest};
use crate::incident::request::Request;

/// The chosen targets in the stages that the configuration gives them.
///
/// # Errors
/// A sentence when `only` or `with` name something that the service does not have, or when nothing is left.
pub(super) fn select<'a>(service: &'a ServiceIn, request: &Request) -> Result<Vec<Vec<&'a Target>>, String> {
    let names: Vec<&str> = service.targets.iter().flat_map(|stage| &stage.targets).map(Target::name).collect();
    for wanted in request.only.iter().chain(&request.with) {
        if !names.contains(&wanted.as_str()) {
            let hint = match nearest(wanted, names.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("it has {}.", list(&names)),
            };
            return Err(format!("{} has no target `{wanted}`; {hint}", service.service));
        }
    }
    let wanted = |target: &&Target| {
        let name = target.name().to_owned();
        if request.with.contains(&name) {
            return true;
        }
        if request.only.is_empty() { target.on_request() == Inclusion::Always } else { request.only.contains(&name) }
    };
    let stages: Vec<Vec<&Target>> = service
        .targets
        .iter()
        .map(|stage| stage.targets.iter().filter(wanted).collect::<Vec<_>>())
        .filter(|stage| !stage.is_empty())
        .collect();
    if stages.is_empty() {
        return Err(format!(
            "All targets of {} are taken back on request only; name them: `with {}`.",
            service.service,
            names.join("`, `with ")
        ));
    }
    Ok(stages)
}

fn list(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
