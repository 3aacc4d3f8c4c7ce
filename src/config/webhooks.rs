//! The secrets with which pipelines sign what they tell: one per environment, from the variables of the process.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret as _, SecretString};

/// The shortest secret, in characters: `openssl rand -hex 16` gives twice as many.
const SHORTEST: usize = 16;

/// The variable that holds the secret of an environment: `ROLLBOT_WEBHOOK_SECRET_PROD`.
pub fn webhook_variable(environment: &str) -> String {
    let name: String = environment
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_uppercase() } else { '_' })
        .collect();
    format!("ROLLBOT_WEBHOOK_SECRET_{name}")
}

/// The secrets of these environments, those that are set; and what is wrong with them, as a variable and the end of a
/// sentence.
pub(super) fn read<'e>(
    environments: impl IntoIterator<Item = &'e String>,
    get: impl Fn(&str) -> Option<String>,
) -> (BTreeMap<String, SecretString>, Vec<(String, String)>) {
    let mut secrets: BTreeMap<String, SecretString> = BTreeMap::new();
    let mut problems = Vec::new();
    for environment in environments {
        let variable = webhook_variable(environment);
        let Some(secret) = get(&variable) else { continue };
        if secret.chars().count() < SHORTEST {
            problems.push((
                variable,
                format!(
                    "is shorter than {SHORTEST} characters; set it to a random one, as `openssl rand -hex 32` makes it"
                ),
            ));
            continue;
        }
        if let Some((other, _)) = secrets.iter().find(|(_, other)| other.expose_secret() == secret) {
            problems.push((
                variable,
                format!("is the same as that of {other}, so that one could speak for the other; give each its own"),
            ));
            continue;
        }
        secrets.insert(environment.clone(), SecretString::from(secret));
    }
    (secrets, problems)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("prod", "ROLLBOT_WEBHOOK_SECRET_PROD")]
    #[case("prod-eu.1", "ROLLBOT_WEBHOOK_SECRET_PROD_EU_1")]
    fn a_variable_is_named_after_its_environment(#[case] environment: &str, #[case] variable: &str) {
        assert_eq!(webhook_variable(environment), variable);
    }

    #[test]
    fn each_environment_has_a_secret_of_its_own_that_is_long_enough() {
        let names = ["dev", "prod", "prod_eu", "prod.eu", "staging"].map(str::to_owned);
        let get = |variable: &str| match variable {
            "ROLLBOT_WEBHOOK_SECRET_DEV" => Some("short".to_owned()),
            "ROLLBOT_WEBHOOK_SECRET_PROD" | "ROLLBOT_WEBHOOK_SECRET_STAGING" => Some("0123456789abcdef".to_owned()),
            "ROLLBOT_WEBHOOK_SECRET_PROD_EU" => Some("fedcba9876543210".to_owned()),
            _ => None,
        };
        let (secrets, problems) = read(&names, get);
        assert_eq!(secrets.into_keys().collect::<Vec<_>>(), ["prod", "prod_eu"]);
        let problems: Vec<String> =
            problems.into_iter().map(|(variable, problem)| format!("{variable} {problem}")).collect();
        assert_eq!(problems.len(), 3, "{problems:#?}");
        assert!(problems[0].starts_with("ROLLBOT_WEBHOOK_SECRET_DEV is shorter than 16 characters"), "{problems:#?}");
        assert!(problems[1].contains("ROLLBOT_WEBHOOK_SECRET_PROD_EU is the same as that of prod_eu"), "{problems:#?}");
        assert!(problems[2].contains("ROLLBOT_WEBHOOK_SECRET_STAGING is the same as that of prod,"), "{problems:#?}");
    }
}
