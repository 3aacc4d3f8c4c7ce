//! How long to wait between two looks: short while things change, longer while they do not.

use std::time::Duration;

/// The shortest pause. A look at an ECS service is about seven calls, of the twenty a second that an account has.
const SHORTEST: Duration = Duration::from_secs(2);
/// The longest pause: how late the end of something slow is noticed at the most.
const LONGEST: Duration = Duration::from_secs(10);

/// A pause that grows by half until something changes.
#[derive(Debug, Clone)]
pub(super) struct Pacing {
    next: Duration,
}

impl Pacing {
    pub(super) fn new() -> Self {
        Self { next: SHORTEST }
    }

    /// Something has changed: look again soon.
    pub(super) fn changed(&mut self) {
        self.next = SHORTEST;
    }

    /// The pause to make now.
    pub(super) fn pause(&mut self) -> Duration {
        let pause = self.next;
        self.next = (self.next * 3 / 2).min(LONGEST);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_grows_to_its_bound_and_falls_back_on_a_change() {
        let mut pacing = Pacing::new();
        let pauses: Vec<u64> = (0..6).map(|_| pacing.pause().as_secs()).collect();
        assert_eq!(pauses, [2, 3, 4, 6, 10, 10]);
        pacing.changed();
        assert_eq!(pacing.pause(), SHORTEST);
    }
}
