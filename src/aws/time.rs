//! AWS's times as ours.

use aws_smithy_types::DateTime;
use jiff::Timestamp;

/// The time that AWS means; `None` for one that no calendar has.
pub fn timestamp(time: DateTime) -> Option<Timestamp> {
    let nanoseconds = i32::try_from(time.subsec_nanos()).ok()?;
    Timestamp::new(time.secs(), nanoseconds).ok()
}
