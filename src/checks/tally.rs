//! What a row of looks comes to. Pure.
//!
//! The row begins anew after a restart: passes have to be seen in a row by one pair of eyes, and the time that a check
//! has to pass is that of these eyes; nobody looked while the process was down. A watch is counted from when its step
//! began, so that a restart does not lengthen it.

use std::time::Duration;

use crate::incident::step::{Evidence, Failure, Finding};
use crate::incident::work::Span;

use super::look::{Health, Look};

/// A row of looks of one check.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    healthy_in_a_row: u32,
    unhealthy_in_a_row: u32,
    inconclusive_in_a_row: u32,
    looks: u32,
    inconclusive: u32,
}

/// What the row comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Satisfied.
    Passed(Vec<Evidence>),
    /// Look again; what people read meanwhile.
    GoOn(String),
    /// Not satisfied.
    Failed(Failure),
}

impl Tally {
    /// The row with one more look, and what it comes to after `elapsed`: for passes since the first look of this row,
    /// for a watch since the step began.
    pub fn add(&mut self, look: &Look, span: &Span, elapsed: Duration) -> Standing {
        self.looks = self.looks.saturating_add(1);
        match look.health {
            Health::Healthy => {
                self.healthy_in_a_row = self.healthy_in_a_row.saturating_add(1);
                self.unhealthy_in_a_row = 0;
                self.inconclusive_in_a_row = 0;
            }
            Health::Unhealthy => {
                self.healthy_in_a_row = 0;
                self.inconclusive_in_a_row = 0;
                self.unhealthy_in_a_row = self.unhealthy_in_a_row.saturating_add(1);
            }
            Health::Inconclusive => {
                self.healthy_in_a_row = 0;
                self.unhealthy_in_a_row = 0;
                self.inconclusive_in_a_row = self.inconclusive_in_a_row.saturating_add(1);
                self.inconclusive = self.inconclusive.saturating_add(1);
            }
        }
        match span {
            Span::Passes { passes, within, .. } => self.passes(*passes, *within, elapsed, look),
            Span::Elapsed { span, failures, .. } => self.watch(*span, *failures, elapsed, look),
        }
    }

    fn passes(&self, passes: u32, within: Duration, elapsed: Duration, look: &Look) -> Standing {
        if self.healthy_in_a_row >= passes {
            let times = if passes == 1 { String::new() } else { format!(", {passes} times in a row") };
            return Standing::Passed(vec![Evidence::new(format!("{}{times}", look.text))]);
        }
        // A row that is under way when the time is up is seen to its end: each further look lengthens or ends it.
        if elapsed >= within && look.health != Health::Healthy {
            return Standing::Failed(self.not_within(within, look));
        }
        Standing::GoOn(match look.health {
            Health::Healthy => format!("{} ({} of {passes} in a row)", look.text, self.healthy_in_a_row),
            Health::Unhealthy => format!("not healthy: {}", look.text),
            Health::Inconclusive => format!("inconclusive: {}", look.text),
        })
    }

    fn not_within(&self, within: Duration, look: &Look) -> Failure {
        let minutes = within.as_secs().div_ceil(60);
        let (finding, why) = match look.health {
            Health::Inconclusive => {
                (Finding::Inconclusive, format!("nothing could be seen within {minutes} min: {}", look.text))
            }
            Health::Unhealthy | Health::Healthy => {
                (Finding::Wrong, format!("not healthy within {minutes} min: {}", look.text))
            }
        };
        let details = if self.inconclusive > 0 {
            vec![format!("{} of {} looks were inconclusive", self.inconclusive, self.looks)]
        } else {
            Vec::new()
        };
        Failure {
            why,
            details,
            finding,
            advice: "Retry looks again from the start. Stop ends the incident as failed; a new /rollback can go back \
                     further."
                .to_owned(),
            remedies: Vec::new(),
        }
    }

    fn watch(&self, span: Duration, failures: u32, elapsed: Duration, look: &Look) -> Standing {
        if self.unhealthy_in_a_row >= failures {
            return Standing::Failed(Failure {
                why: look.text.clone(),
                details: vec![format!("{} unhealthy looks in a row", self.unhealthy_in_a_row)],
                finding: Finding::Wrong,
                advice: "It got worse again after the rollback. A new /rollback with `to` can go back further."
                    .to_owned(),
                remedies: Vec::new(),
            });
        }
        // It passes on a healthy look only: the last word is not left to a blink, nor to what could not be seen.
        if elapsed >= span && self.inconclusive_in_a_row >= failures {
            return Standing::Failed(Failure {
                why: format!("nothing could be seen at the end: {}", look.text),
                details: vec![format!("{} of {} looks were inconclusive", self.inconclusive, self.looks)],
                finding: Finding::Inconclusive,
                advice: "Whether the rollback has held is not known. Look at the service yourself.".to_owned(),
                remedies: Vec::new(),
            });
        }
        if elapsed >= span && look.health == Health::Healthy {
            let seen = match self.inconclusive {
                0 => format!("{} looks, the last: {}", self.looks, look.text),
                unclear => format!("{} looks, {unclear} of them inconclusive, the last: {}", self.looks, look.text),
            };
            return Standing::Passed(vec![Evidence::new(seen)]);
        }
        Standing::GoOn(match look.health {
            Health::Healthy => look.text.clone(),
            Health::Unhealthy => format!("not healthy: {}", look.text),
            Health::Inconclusive => format!("inconclusive: {}", look.text),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERIFY: Span = Span::Passes { passes: 3, every: Duration::from_secs(5), within: Duration::from_mins(5) };
    const WATCH: Span = Span::Elapsed { span: Duration::from_mins(30), every: Duration::from_secs(30), failures: 3 };

    fn run(span: &Span, looks: &[(u64, Health)]) -> Standing {
        let mut tally = Tally::default();
        let mut standing = Standing::GoOn(String::new());
        for (seconds, health) in looks {
            let look = Look { health: *health, text: "seen".to_owned() };
            standing = tally.add(&look, span, Duration::from_secs(*seconds));
        }
        standing
    }

    #[test]
    fn passes_have_to_be_in_a_row() {
        use Health::{Healthy, Inconclusive, Unhealthy};
        assert!(matches!(run(&VERIFY, &[(0, Healthy), (5, Healthy), (10, Healthy)]), Standing::Passed(_)));
        assert!(matches!(
            run(&VERIFY, &[(0, Healthy), (5, Healthy), (10, Unhealthy), (15, Healthy), (20, Healthy)]),
            Standing::GoOn(_)
        ));
        assert!(matches!(
            run(&VERIFY, &[(0, Healthy), (5, Healthy), (10, Inconclusive), (15, Healthy)]),
            Standing::GoOn(_)
        ));
    }

    #[test]
    fn what_is_never_seen_is_inconclusive_and_what_is_wrong_is_wrong() {
        let Standing::Failed(failure) = run(&VERIFY, &[(0, Health::Inconclusive), (301, Health::Inconclusive)]) else {
            panic!("five minutes without data must not pass")
        };
        assert_eq!(failure.finding, Finding::Inconclusive);
        let Standing::Failed(failure) = run(&VERIFY, &[(0, Health::Inconclusive), (301, Health::Unhealthy)]) else {
            panic!("five minutes without health must not pass")
        };
        assert_eq!(failure.finding, Finding::Wrong);
    }

    #[test]
    fn a_row_that_is_under_way_when_the_time_is_up_is_seen_to_its_end() {
        use Health::{Healthy, Unhealthy};
        // As after a restart: the step began long ago, and the row begins anew.
        assert!(matches!(run(&VERIFY, &[(400, Healthy)]), Standing::GoOn(_)));
        assert!(matches!(run(&VERIFY, &[(400, Healthy), (405, Healthy), (410, Healthy)]), Standing::Passed(_)));
        assert!(matches!(run(&VERIFY, &[(400, Healthy), (405, Unhealthy)]), Standing::Failed(_)));
    }

    #[test]
    fn a_watch_does_not_end_on_what_it_did_not_see() {
        use Health::{Healthy, Inconclusive, Unhealthy};
        assert!(matches!(run(&WATCH, &[(0, Healthy), (1800, Unhealthy)]), Standing::GoOn(_)));
        assert!(matches!(run(&WATCH, &[(0, Healthy), (1800, Unhealthy), (1830, Healthy)]), Standing::Passed(_)));
        let blind = [(0, Healthy), (1800, Inconclusive), (1830, Inconclusive), (1860, Inconclusive)];
        let Standing::Failed(failure) = run(&WATCH, &blind) else { panic!("no data must not pass") };
        assert_eq!(failure.finding, Finding::Inconclusive);
    }

    #[test]
    fn a_watch_fails_on_a_row_of_unhealthy_looks_and_passes_with_time() {
        use Health::{Healthy, Unhealthy};
        assert!(matches!(
            run(&WATCH, &[(0, Unhealthy), (30, Unhealthy), (60, Healthy), (90, Unhealthy)]),
            Standing::GoOn(_)
        ));
        assert!(matches!(run(&WATCH, &[(0, Unhealthy), (30, Unhealthy), (60, Unhealthy)]), Standing::Failed(_)));
        assert!(matches!(run(&WATCH, &[(0, Healthy), (1800, Healthy)]), Standing::Passed(_)));
    }
}
