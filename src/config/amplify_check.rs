//! A branch on Amplify Hosting as a check.

use serde::{Deserialize, Serialize};

use super::names;
use super::section::{Field, Part, Reader, Section};
use super::targets::{AmplifyTarget, Stage, TargetKind};

/// A branch that has to show what it was taken back to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AmplifyCheck {
    /// Unique within its service.
    pub name: String,
    /// The `amplify` target of the same service.
    pub of: String,
    /// What that target is.
    pub target: AmplifyTarget,
}

pub(super) fn read(
    field: Field<'_>,
    name: String,
    stages: Option<&[Stage]>,
    reader: &mut Reader<'_>,
) -> Option<AmplifyCheck> {
    let mut section = Section::open(field, Part::AmplifyCheck, reader.report)?;
    let of = section.required("of", "frontend", reader.report);
    section.close(reader.report);
    let of = of?;
    let named = of.text(reader)?;
    // Targets that could not be read are reported where they stand.
    let branches: Vec<(&str, &AmplifyTarget)> = stages?
        .iter()
        .flat_map(|stage| &stage.targets)
        .filter_map(|target| match &target.kind {
            TargetKind::Amplify(branch) => Some((target.name.as_str(), branch)),
            TargetKind::Ecs(_)
            | TargetKind::Stack(_)
            | TargetKind::CodePipeline(_)
            | TargetKind::CodeBuild(_)
            | TargetKind::AmplifyDomain(_)
            | TargetKind::Site(_)
            | TargetKind::Lambda(_)
            | TargetKind::LambdaSettings(_)
            | TargetKind::Manual(_) => None,
        })
        .collect();
    let found = branches.iter().find(|(target, _)| *target == named);
    if found.is_none() {
        let instead = names::instead(&named, branches.iter().map(|(target, _)| *target), "there are");
        of.error(reader.report, format!("`{named}` is not an `amplify` target of this service; {instead}"));
    }
    found.map(|(_, target)| AmplifyCheck { name, of: named.clone(), target: (*target).clone() })
}
