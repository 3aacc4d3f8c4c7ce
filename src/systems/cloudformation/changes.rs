//! What a change set would destroy. Pure.

use super::look::NESTED;
use crate::incident::stack::{Replacement, StackChange};

/// Types whose removal or replacement loses data, or keys and identities without which data is lost. The list follows
/// CloudFormation's own types that support a snapshot or hold what people stored.
const STATEFUL: [&str; 27] = [
    "AWS::Backup::BackupVault",
    "AWS::Cognito::IdentityPool",
    "AWS::Cognito::UserPool",
    "AWS::DocDB::DBCluster",
    "AWS::DynamoDB::GlobalTable",
    "AWS::DynamoDB::Table",
    "AWS::EC2::Volume",
    "AWS::ECR::Repository",
    "AWS::EFS::FileSystem",
    "AWS::ElastiCache::CacheCluster",
    "AWS::ElastiCache::ReplicationGroup",
    "AWS::Elasticsearch::Domain",
    "AWS::FSx::FileSystem",
    "AWS::KMS::Key",
    "AWS::Kinesis::Stream",
    "AWS::MSK::Cluster",
    "AWS::MemoryDB::Cluster",
    "AWS::Neptune::DBCluster",
    "AWS::OpenSearchService::Domain",
    "AWS::QLDB::Ledger",
    "AWS::RDS::DBCluster",
    "AWS::RDS::DBInstance",
    "AWS::RDS::GlobalCluster",
    "AWS::Redshift::Cluster",
    "AWS::S3::Bucket",
    "AWS::SecretsManager::Secret",
    "AWS::Timestream::Table",
];

/// How many changes a sentence names.
const NAMED: usize = 8;

/// Whether a thing of this type holds what cannot be made again.
pub fn is_stateful(kind: &str) -> bool {
    STATEFUL.contains(&kind)
}

/// Whether a change takes away the thing that is there: by removing it, or by making it anew.
pub fn destroys(change: &StackChange) -> bool {
    let is_kept = matches!(change.policy.as_deref(), Some("Retain" | "ReplaceAndRetain"));
    let is_gone = change.action == "Remove" || change.replacement != Replacement::No;
    is_gone && (!is_kept || change.action != "Remove")
}

/// What a change set would destroy of what holds data. A nested stack that goes takes everything in it away, and no
/// change set says what that is.
pub fn destroyed(changes: &[StackChange]) -> Vec<&StackChange> {
    let is_lost = |change: &&StackChange| {
        destroys(change) && (is_stateful(&change.kind) || (change.kind == NESTED && !is_seen_to_stay(change, changes)))
    };
    changes.iter().filter(is_lost).collect()
}

/// Whether the change set of a nested stack that may be replaced shows that it stays: it changes or removes what is in
/// the stack that is there. That of a new stack only adds, and a stack that is removed has none.
fn is_seen_to_stay(nested: &StackChange, changes: &[StackChange]) -> bool {
    let within = |change: &StackChange| {
        change.resource.strip_prefix(&nested.resource).is_some_and(|rest| rest.starts_with('.'))
            && change.action != "Add"
    };
    nested.action != "Remove" && nested.replacement == Replacement::Perhaps && changes.iter().any(within)
}

/// What is destroyed and not allowed to be.
pub fn forbidden<'c>(destroyed: &[&'c StackChange], may_replace: &[String]) -> Vec<&'c StackChange> {
    destroyed.iter().filter(|change| !may_replace.contains(&change.kind)).copied().collect()
}

/// What may be lost, a sentence for each.
pub fn losses(changes: &[StackChange]) -> Vec<String> {
    let lost = destroyed(changes).into_iter().map(|change| {
        let kind = change.kind.strip_prefix("AWS::").unwrap_or(&change.kind);
        let kept = match change.policy.as_deref() {
            Some("Snapshot" | "ReplaceAndSnapshot") => "; CloudFormation keeps a snapshot of it",
            Some("ReplaceAndRetain") => "; the old one is kept outside the stack",
            Some(_) | None => "",
        };
        match (change.action.as_str(), change.replacement) {
            ("Remove", _) => format!("{} ({kind}) is removed with what it holds{kept}.", change.resource),
            (_, Replacement::Perhaps) => {
                format!("{} ({kind}) may be replaced by an empty one{kept}.", change.resource)
            }
            (_, Replacement::Yes | Replacement::No) => {
                format!("{} ({kind}) is replaced by an empty one{kept}.", change.resource)
            }
        }
    });
    lost.collect()
}

/// The names of `changes`, as one phrase.
pub fn names(changes: &[&StackChange]) -> String {
    let mut names: Vec<String> = changes.iter().take(NAMED).map(|change| change.words()).collect();
    if changes.len() > NAMED {
        names.push(format!("and {} more", changes.len() - NAMED));
    }
    names.join(", ")
}

#[cfg(test)]
pub(super) mod tests {
    use rstest::rstest;

    use super::*;

    pub(in super::super) fn change(action: &str, resource: &str, kind: &str, replacement: Replacement) -> StackChange {
        StackChange {
            action: action.to_owned(),
            resource: resource.to_owned(),
            kind: kind.to_owned(),
            replacement,
            policy: None,
        }
    }

    #[rstest]
    #[case::modified("Modify", "AWS::RDS::DBInstance", Replacement::No, None, &[])]
    #[case::stateless("Remove", "AWS::Lambda::Function", Replacement::No, None, &[])]
    #[case::retained("Remove", "AWS::S3::Bucket", Replacement::No, Some("Retain"), &[])]
    #[case::removed("Remove", "AWS::S3::Bucket", Replacement::No, Some("Delete"),
        &["Data (S3::Bucket) is removed with what it holds."])]
    #[case::with_snapshot("Remove", "AWS::RDS::DBInstance", Replacement::No, Some("Snapshot"),
        &["Data (RDS::DBInstance) is removed with what it holds; CloudFormation keeps a snapshot of it."])]
    #[case::replaced("Modify", "AWS::DynamoDB::Table", Replacement::Yes, None,
        &["Data (DynamoDB::Table) is replaced by an empty one."])]
    #[case::perhaps("Modify", "AWS::Cognito::UserPool", Replacement::Perhaps, None,
        &["Data (Cognito::UserPool) may be replaced by an empty one."])]
    #[case::replaced_and_kept("Modify", "AWS::KMS::Key", Replacement::Yes, Some("ReplaceAndRetain"),
        &["Data (KMS::Key) is replaced by an empty one; the old one is kept outside the stack."])]
    fn what_holds_data_and_goes_is_named(
        #[case] action: &str,
        #[case] kind: &str,
        #[case] replacement: Replacement,
        #[case] policy: Option<&str>,
        #[case] lost: &[&str],
    ) {
        let change = StackChange { policy: policy.map(str::to_owned), ..change(action, "Data", kind, replacement) };
        assert_eq!(losses(&[change]), lost);
    }

    #[rstest]
    #[case::removed("Remove", Replacement::No, &[], true)]
    #[case::replaced("Modify", Replacement::Yes, &[], true)]
    #[case::replaced_whatever_its_change_set_says("Modify", Replacement::Yes, &[("Modify", "Workers.Queue")], true)]
    #[case::perhaps_and_not_seen("Modify", Replacement::Perhaps, &[], true)]
    #[case::perhaps_and_only_added_to("Modify", Replacement::Perhaps, &[("Add", "Workers.Queue")], true)]
    #[case::perhaps_and_another_one_seen("Modify", Replacement::Perhaps, &[("Modify", "WorkersTwo.Queue")], true)]
    #[case::perhaps_and_seen_to_stay("Modify", Replacement::Perhaps, &[("Modify", "Workers.Queue")], false)]
    #[case::changed_in_place("Modify", Replacement::No, &[], false)]
    #[case::added("Add", Replacement::No, &[], false)]
    fn a_nested_stack_that_goes_counts_as_data_unless_it_is_seen_to_stay(
        #[case] action: &str,
        #[case] replacement: Replacement,
        #[case] within: &[(&str, &str)],
        #[case] is_lost: bool,
    ) {
        let mut changes = vec![change(action, "Workers", NESTED, replacement)];
        let within = within.iter().map(|(action, name)| change(action, name, "AWS::SQS::Queue", Replacement::No));
        changes.extend(within);
        assert_eq!(!destroyed(&changes).is_empty(), is_lost, "{changes:?}");
        let kept = StackChange { policy: Some("Retain".to_owned()), ..changes[0].clone() };
        assert!(action != "Remove" || destroyed(&[kept]).is_empty(), "what is retained is not lost");
    }

    #[test]
    fn only_what_policy_names_may_be_destroyed() {
        let changes = [
            change("Remove", "Data", "AWS::S3::Bucket", Replacement::No),
            change("Modify", "Orders", "AWS::DynamoDB::Table", Replacement::Yes),
        ];
        let destroyed = destroyed(&changes);
        let named = |allowed: &[&str]| {
            let allowed: Vec<String> = allowed.iter().map(|kind| (*kind).to_owned()).collect();
            names(&forbidden(&destroyed, &allowed))
        };
        assert_eq!(named(&[]), "Remove Data (S3::Bucket), Modify Orders (DynamoDB::Table, replaced)");
        assert_eq!(named(&["AWS::S3::Bucket"]), "Modify Orders (DynamoDB::Table, replaced)");
        assert_eq!(named(&["AWS::S3::Bucket", "AWS::DynamoDB::Table"]), "");
    }
}
