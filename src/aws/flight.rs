//! Looks at the same resource share one flight.
//!
//! Several runs, watches and questions may look at one service at once. Whoever comes while a look is under way waits for
//! it; whoever then finds that it began early enough takes its answer, and only otherwise looks again. What counts is
//! when a look *began*: an act that was made while a look was under way may not be in it.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::error::AwsError;
use crate::clock::Clock;

/// The looks of one account and region.
#[derive(Debug)]
pub struct Flights {
    clock: Clock,
    slots: Mutex<HashMap<String, Arc<Slot>>>,
}

type Slot = tokio::sync::Mutex<Option<Landed>>;

#[derive(Debug)]
struct Landed {
    began: Instant,
    answer: Result<Arc<dyn Any + Send + Sync>, AwsError>,
}

impl Flights {
    /// No looks yet.
    pub fn new(clock: Clock) -> Self {
        Self { clock, slots: Mutex::default() }
    }

    /// What `look` finds, or what another look at `resource` found that began no longer than `max_age` (real time)
    /// before this call. With an age of zero, callers who come during a look share the one that follows it.
    ///
    /// # Errors
    /// What the look ended with; those who waited for it get the same error.
    pub async fn share<T, F>(
        &self,
        resource: &str,
        max_age: Duration,
        look: impl FnOnce() -> F,
    ) -> Result<Arc<T>, AwsError>
    where
        T: Send + Sync + 'static,
        F: Future<Output = Result<T, AwsError>>,
    {
        let asked = self.clock.reading();
        let slot = {
            let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(slots.entry(resource.to_owned()).or_default())
        };
        let mut landed = slot.lock().await;
        if let Some(landed) = landed.as_ref()
            && landed.began + max_age >= asked
        {
            match &landed.answer {
                Ok(answer) => {
                    if let Ok(answer) = Arc::clone(answer).downcast::<T>() {
                        return Ok(answer);
                    }
                }
                Err(error) => return Err(error.clone()),
            }
        }
        let began = self.clock.reading();
        let answer = look().await.map(Arc::new);
        *landed = Some(Landed {
            began,
            answer: match &answer {
                Ok(answer) => Ok(Arc::clone(answer) as Arc<dyn Any + Send + Sync>),
                Err(error) => Err(error.clone()),
            },
        });
        answer
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::aws::error::ErrorClass;
    use crate::incident::time::Pace;

    async fn counted(looks: &AtomicUsize) -> Result<usize, AwsError> {
        let number = looks.fetch_add(1, Ordering::SeqCst) + 1;
        tokio::task::yield_now().await;
        Ok(number)
    }

    #[tokio::test]
    async fn whoever_comes_during_a_look_shares_the_one_that_follows() {
        let (flights, looks) = (Flights::new(Clock::start(Pace::REAL)), AtomicUsize::new(0));
        let look = || flights.share("api", Duration::ZERO, || counted(&looks));
        let (first, second, third, fourth) = tokio::join!(look(), look(), look(), look());
        assert_eq!(*first.unwrap(), 1);
        assert_eq!(
            [*second.unwrap(), *third.unwrap(), *fourth.unwrap()],
            [2, 2, 2],
            "a look may miss what came after it began"
        );
        assert_eq!(looks.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn an_answer_is_as_old_as_its_caller_allows() {
        let (flights, looks) = (Flights::new(Clock::start(Pace::REAL)), AtomicUsize::new(0));
        let aged = |age| flights.share("api", age, || counted(&looks));
        assert_eq!(*aged(Duration::ZERO).await.unwrap(), 1);
        assert_eq!(*aged(Duration::from_mins(1)).await.unwrap(), 1);
        assert_eq!(*aged(Duration::ZERO).await.unwrap(), 2);
        assert_eq!(*flights.share("web", Duration::from_mins(1), || counted(&looks)).await.unwrap(), 3);
    }

    #[tokio::test]
    async fn those_who_waited_for_a_failed_look_get_its_error() {
        let flights = Flights::new(Clock::start(Pace::REAL));
        let failed =
            || async { Err::<(), _>(AwsError::local("ecs", "DescribeServices", ErrorClass::NotFound, "gone")) };
        let error = flights.share("api", Duration::ZERO, failed).await.unwrap_err();
        let same = flights.share("api", Duration::from_mins(1), || async { Ok(()) }).await.unwrap_err();
        assert_eq!(error, same);
    }
}
