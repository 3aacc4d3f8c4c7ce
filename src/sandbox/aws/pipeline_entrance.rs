//! What there is to see of a stage from outside the account's API.

use super::stand_in::AwsStandIn;

impl AwsStandIn {
    /// Why the transition into a stage is disabled; `None` while it is enabled, or where there is no such stage.
    pub fn disabled(&self, pipeline: &str, stage: &str) -> Option<String> {
        let account = self.account();
        let pipeline = account.pipelines.iter().find(|one| one.name == pipeline)?;
        pipeline.stages.iter().find(|one| one.name == stage)?.disabled.clone()
    }
}
