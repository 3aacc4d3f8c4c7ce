//! Finds an app, by its id or by its name. Reads only.

use crate::aws::error::ErrorClass;
use crate::aws::{Aws, AwsError};

/// How many apps a page has: the most that `ListApps` gives.
const APPS: i32 = 100;
/// How many pages are read: more apps than an account may have (25, on request some hundreds).
const PAGES: usize = 20;
/// The longest id of an app (botocore, `AppId`).
const LONGEST_ID: usize = 20;

/// An app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Where its builds come from.
    pub origin: Origin,
}

/// Where an app's builds come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A repository is connected: Amplify builds commits.
    Repository,
    /// Somebody uploads what is deployed.
    Uploads,
}

/// The app that `named` names: its id, else its exact name.
///
/// # Errors
/// When AWS does not answer or refuses, when there is no such app, or when several have the name.
pub async fn find(aws: &Aws, named: &str) -> Result<App, AwsError> {
    if may_be_id(named) {
        match aws.reads().amplify.get_app().app_id(named).send().await {
            Ok(answer) => {
                if let Some(told) = answer.app {
                    return Ok(app(&told));
                }
            }
            Err(error) => {
                let error = AwsError::of("amplify", "GetApp", &error);
                if error.class != ErrorClass::NotFound {
                    return Err(error);
                }
            }
        }
    }
    let mut found = Vec::new();
    let mut next = None;
    for _ in 0..PAGES {
        let call = aws.reads().amplify.list_apps().max_results(APPS).set_next_token(next);
        let answer = call.send().await.map_err(|error| AwsError::of("amplify", "ListApps", &error))?;
        found.extend(answer.apps().iter().filter(|told| told.name() == named).map(app));
        next = answer.next_token.filter(|token| !token.is_empty());
        if next.is_none() {
            break;
        }
    }
    one(named, found)
}

/// An id is `d` with small letters and digits (botocore, `AppId`); a name may look the same.
fn may_be_id(named: &str) -> bool {
    named.len() <= LONGEST_ID
        && named.starts_with('d')
        && named.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
}

fn one(named: &str, mut found: Vec<App>) -> Result<App, AwsError> {
    let refused = |class, why: String| Err(AwsError::local("amplify", "ListApps", class, why));
    match (found.len(), found.pop()) {
        (1, Some(app)) => Ok(app),
        (_, None) => refused(
            ErrorClass::NotFound,
            format!("there is no Amplify app with the id or the name {named}. Correct `app` in rollbot.yml"),
        ),
        (several, Some(last)) => {
            let ids: Vec<String> = found.into_iter().chain([last]).map(|app| app.id).collect();
            refused(
                ErrorClass::Invalid,
                format!(
                    "{several} Amplify apps are called {named} ({}). Write the id of one as `app` in rollbot.yml",
                    ids.join(", ")
                ),
            )
        }
    }
}

fn app(told: &aws_sdk_amplify::types::App) -> App {
    App {
        id: told.app_id().to_owned(),
        name: told.name().to_owned(),
        origin: if told.repository().is_empty() { Origin::Uploads } else { Origin::Repository },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(id: &str) -> App {
        App { id: id.to_owned(), name: "shop".to_owned(), origin: Origin::Repository }
    }

    #[test]
    fn a_name_has_to_be_that_of_one_app() {
        assert_eq!(one("shop", vec![named("d1")]).unwrap().id, "d1");
        let refusal = one("shop", Vec::new()).unwrap_err();
        assert!(refusal.class == ErrorClass::NotFound && refusal.to_string().contains("Correct `app`"), "{refusal}");
        let refusal = one("shop", vec![named("d1"), named("d2")]).unwrap_err().to_string();
        assert!(refusal.contains("2 Amplify apps are called shop (d1, d2). Write the id"), "{refusal}");
    }

    #[test]
    fn an_id_is_known_by_its_form() {
        assert!(may_be_id("d1a2b3c4d5e6f7") && may_be_id("dashboard"));
        assert!(!may_be_id("shop-frontend") && !may_be_id("Dashboard"));
    }
}
