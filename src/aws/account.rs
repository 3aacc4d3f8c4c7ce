//! One environment's account and region, as configured.

/// Where an environment lives, and the role through which Rollbot enters it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The environment's name.
    pub environment: String,
    /// The region; `None` leaves it to `AWS_REGION` and the profile.
    pub region: Option<String>,
    /// The account id that everything must happen in; `None` takes the account of the credentials as it is.
    pub account: Option<String>,
    /// The ARN of the role to assume; `None` uses the process's own credentials.
    pub assume_role: Option<String>,
    /// The external id that the role's trust policy asks for.
    pub external_id: Option<String>,
}
