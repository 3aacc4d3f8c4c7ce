//! What one look of one check finds.

/// What a look found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// In one word.
    pub health: Health,
    /// As a sentence, without a full stop.
    pub text: String,
}

/// Healthy, or not, or nothing could be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// What was expected was seen.
    Healthy,
    /// Something else was seen.
    Unhealthy,
    /// Nothing could be seen: no data, no answer from who should know.
    Inconclusive,
}

impl Look {
    /// A look that found what was expected.
    pub fn healthy(text: impl Into<String>) -> Self {
        Self { health: Health::Healthy, text: text.into() }
    }

    /// A look that found something else.
    pub fn unhealthy(text: impl Into<String>) -> Self {
        Self { health: Health::Unhealthy, text: text.into() }
    }

    /// A look that could not see.
    pub fn inconclusive(text: impl Into<String>) -> Self {
        Self { health: Health::Inconclusive, text: text.into() }
    }
}
