//! Whether a commit has an image in ECR that can be pulled: asked before a release of that commit is promised.
//!
//! Workflows tag images with the commit: all forty digits, or the first twelve, eight or seven, with or without `git-`
//! or `sha-` in front.

use aws_sdk_ecr::types::{ImageIdentifier, ImageStatus};

use crate::aws::error::ErrorClass;
use crate::aws::{Aws, AwsError};

/// How many digits of a commit a tag has.
const DIGITS: [usize; 4] = [40, 12, 8, 7];
/// What stands in front of them.
const PREFIXES: [&str; 3] = ["", "git-", "sha-"];

/// What ECR has for a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitImage {
    /// The repository.
    pub repository: String,
    /// The commit.
    pub commit: String,
    /// What was found.
    pub found: Found,
}

/// What was found for a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// An image that can be pulled.
    Image {
        /// The tag that names it.
        tag: String,
        /// Its digest.
        digest: String,
    },
    /// None, and why, as the end of a sentence.
    Missing(String),
}

impl CommitImage {
    /// What was wrong and what to do; `None` where the image is there.
    pub fn refusal(&self) -> Option<String> {
        match &self.found {
            Found::Image { .. } => None,
            Found::Missing(why) => Some(format!(
                "The image of commit {} is not to be had: {why}. Push it again, or name another release with `to <release>`.",
                self.commit.get(..8).unwrap_or(&self.commit),
            )),
        }
    }

    /// What was found, as a sentence; `None` where nothing was.
    pub fn confirmed(&self) -> Option<String> {
        match &self.found {
            Found::Image { tag, digest } => {
                let digest = digest.get(..19).unwrap_or(digest);
                Some(format!("Its image {}:{tag} is in ECR ({digest}).", self.repository))
            }
            Found::Missing(_) => None,
        }
    }
}

/// Looks for the image of `commit` in `repository`.
///
/// # Errors
/// When ECR does not answer, or refuses.
pub async fn confirm(aws: &Aws, repository: &str, commit: &str) -> Result<CommitImage, AwsError> {
    let told = |found: Found| CommitImage { repository: repository.to_owned(), commit: commit.to_owned(), found };
    let tags: Vec<String> = tags(commit);
    let ids = tags.iter().map(|tag| ImageIdentifier::builder().image_tag(tag).build()).collect();
    let answer = aws.reads().ecr.batch_get_image().repository_name(repository).set_image_ids(Some(ids)).send().await;
    let images = match answer.map_err(|error| AwsError::of("ecr", "BatchGetImage", &error)) {
        Ok(answer) => answer.images.unwrap_or_default(),
        Err(error) if error.class == ErrorClass::NotFound => {
            return Ok(told(Found::Missing(format!("ECR has no repository {repository}"))));
        }
        Err(error) => return Err(error),
    };
    let Some(id) = images.into_iter().find_map(|image| image.image_id) else {
        let tag = tags.last().map_or(commit, String::as_str);
        return Ok(told(Found::Missing(format!("no image in {repository} has the tag {commit} or {tag}"))));
    };
    let (tag, digest) = (id.image_tag.unwrap_or_default(), id.image_digest.unwrap_or_default());
    let id = ImageIdentifier::builder().image_tag(&tag).build();
    let answer = aws.reads().ecr.describe_images().repository_name(repository).image_ids(id).send().await;
    let details = match answer.map_err(|error| AwsError::of("ecr", "DescribeImages", &error)) {
        Ok(answer) => answer.image_details.unwrap_or_default(),
        Err(error) if error.class == ErrorClass::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    Ok(told(match details.first().map(|detail| detail.image_status()) {
        None => Found::Missing(format!("{repository}:{tag} was deleted")),
        Some(Some(ImageStatus::Archived)) => {
            Found::Missing(format!("{repository}:{tag} is archived and cannot be pulled"))
        }
        Some(_) => Found::Image { tag, digest },
    }))
}

/// The tags that name a commit, the longest first. Pure.
fn tags(commit: &str) -> Vec<String> {
    let digits = DIGITS.iter().filter_map(|digits| commit.get(..*digits));
    digits.flat_map(|digits| PREFIXES.map(|prefix| format!("{prefix}{digits}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a04_a_commit_is_looked_for_by_every_tag_that_workflows_give_it() {
        let found = tags("0123456789abcdef0123456789abcdef01234567");
        assert_eq!(found.len(), 12);
        assert_eq!(found.first().map(String::as_str), Some("0123456789abcdef0123456789abcdef01234567"));
        assert!(found.contains(&"git-0123456".to_owned()) && found.contains(&"01234567".to_owned()));
        assert_eq!(tags("0123456"), ["0123456", "git-0123456", "sha-0123456"]);
    }
}
