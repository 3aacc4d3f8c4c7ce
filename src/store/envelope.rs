//! The envelope around every stored value: what it is, the number of its format, how it is packed.
//!
//! One line of text, then the body: `record 1 plain\n{…}`. A format number is never given a second meaning; a version
//! that changes a shape raises its number and goes on reading the older ones.

use serde::Serialize;

/// Bodies longer than this are compressed, in bytes: below it, little is won.
const COMPRESS_ABOVE: usize = 2 * 1024;

/// The level of compression: 3 packs a record tenfold in well under a millisecond.
const LEVEL: i32 = 3;

/// No body is longer than this, in bytes; a longer one is damaged.
const LONGEST: usize = 256 * 1024 * 1024;

/// What is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// An incident's record.
    Record,
    /// An event.
    Event,
    /// What the mirror keeps of an incident.
    View,
    /// Something that came in and is not worked off.
    Inbox,
    /// A release that was proved.
    Good,
    /// A version that was kept.
    Kept,
    /// A freeze's record.
    Freeze,
    /// An event of a freeze.
    FreezeEvent,
    /// A deployment that was told of.
    Deploy,
}

impl Shape {
    /// The word in the envelope, and for people.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Record => "record",
            Self::Event => "event",
            Self::View => "view",
            Self::Inbox => "inbox",
            Self::Good => "good",
            Self::Kept => "kept",
            Self::Freeze => "freeze",
            Self::FreezeEvent => "freeze-event",
            Self::Deploy => "deploy",
        }
    }

    /// The newest format, which is written. All older ones are read.
    fn format(self) -> u32 {
        match self {
            Self::Record
            | Self::Event
            | Self::View
            | Self::Inbox
            | Self::Good
            | Self::Deploy
            | Self::Kept
            | Self::Freeze
            | Self::FreezeEvent => 1,
        }
    }
}

/// Packs `body`, compressed where that is worth it.
pub(super) fn seal(shape: Shape, body: &[u8]) -> Vec<u8> {
    if body.len() > COMPRESS_ABOVE
        && let Ok(packed) = zstd::bulk::compress(body, LEVEL)
    {
        return with_head(shape, "zstd", &packed);
    }
    with_head(shape, "plain", body)
}

/// Packs `value` as JSON.
///
/// # Errors
/// A sentence, if the value has no JSON form.
pub(super) fn seal_json(shape: Shape, value: &impl Serialize) -> Result<Vec<u8>, String> {
    let body = serde_json::to_vec(value).map_err(|error| format!("it cannot be written as JSON: {error}"))?;
    Ok(seal(shape, &body))
}

fn with_head(shape: Shape, packing: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{} {} {packing}\n", shape.word(), shape.format()).into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// Unpacks a body.
///
/// # Errors
/// A sentence that says why this is not a `shape` that this version can read.
pub(super) fn unseal(shape: Shape, bytes: &[u8]) -> Result<Vec<u8>, String> {
    let end = bytes.iter().take(64).position(|byte| *byte == b'\n');
    let (head, body) = end
        .and_then(|end| Some((bytes.get(..end)?, bytes.get(end.saturating_add(1)..)?)))
        .ok_or("it has no envelope")?;
    let head = str::from_utf8(head).map_err(|error| format!("its envelope is not text: {error}"))?;
    let mut words = head.split(' ');
    let (Some(word), Some(format), Some(packing), None) = (words.next(), words.next(), words.next(), words.next())
    else {
        return Err("it has no envelope".to_owned());
    };
    if word != shape.word() {
        return Err(format!("it is not a {} but says that it is a {word}", shape.word()));
    }
    let newest = shape.format();
    match format.parse::<u32>() {
        Ok(format) if format > newest => {
            return Err(format!("it has format {format}, and this version knows formats up to {newest}"));
        }
        Ok(0) | Err(_) => return Err(format!("there is no format {format}")),
        Ok(_) => {}
    }
    match packing {
        "plain" => Ok(body.to_vec()),
        "zstd" => unpack(body),
        other => Err(format!("it is packed in a way that this version does not know: {other}")),
    }
}

/// Compresses `bytes`, whatever their size.
///
/// # Errors
/// What the compressor said.
pub(super) fn pack(bytes: &[u8]) -> Result<Vec<u8>, String> {
    zstd::bulk::compress(bytes, LEVEL).map_err(|error| format!("it cannot be compressed: {error}"))
}

/// Decompresses `packed`.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub(super) fn unpack(packed: &[u8]) -> Result<Vec<u8>, String> {
    use std::io::Read as _;
    let damaged = |error: std::io::Error| format!("it is damaged: {error}");
    let limit = u64::try_from(LONGEST).unwrap_or(u64::MAX).saturating_add(1);
    let mut body = Vec::new();
    zstd::Decoder::new(packed).map_err(damaged)?.take(limit).read_to_end(&mut body).map_err(damaged)?;
    if body.len() > LONGEST {
        return Err("it is damaged: it unpacks to more than anything that is ever stored".to_owned());
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn a_small_body_stays_readable_and_a_large_one_is_compressed() {
        assert_eq!(seal(Shape::Event, b"{}"), b"event 1 plain\n{}");
        let large = vec![b'x'; 100_000];
        let sealed = seal(Shape::Record, &large);
        assert!(sealed.len() < 1_000, "{} bytes", sealed.len());
        assert_eq!(unseal(Shape::Record, &sealed).unwrap(), large);
    }

    #[rstest]
    #[case(b"", "it has no envelope")]
    #[case(b"{\"rev\":1}", "it has no envelope")]
    #[case(b"record 1\n{}", "it has no envelope")]
    #[case(b"record 2 plain\n{}", "it has format 2, and this version knows formats up to 1")]
    #[case(b"record 0 plain\n{}", "there is no format 0")]
    #[case(b"record one plain\n{}", "there is no format one")]
    #[case(b"view 1 plain\n{}", "it is not a record but says that it is a view")]
    #[case(b"record 1 brotli\n{}", "it is packed in a way that this version does not know: brotli")]
    fn what_is_not_a_readable_record_is_refused_with_the_reason(#[case] bytes: &[u8], #[case] reason: &str) {
        assert_eq!(unseal(Shape::Record, bytes).unwrap_err(), reason);
    }

    #[test]
    fn a_damaged_packing_is_refused() {
        let mut sealed = seal(Shape::Record, &[b'x'; 10_000]);
        let last = sealed.len() - 1;
        sealed.truncate(last);
        assert!(unseal(Shape::Record, &sealed).unwrap_err().starts_with("it is damaged"));
    }
}
