//! The body of a request to S3 as it travels: perhaps in chunks, with a trailer behind them, and with checksums.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html>

use axum::http::HeaderMap;
use md5::{Digest, Md5};
use sha2::Sha256;

use super::refusal::Refusal;

/// What `x-amz-content-sha256` says of a body that comes in chunks.
const IN_CHUNKS: &str = "STREAMING-";
/// What `Content-Encoding` says of it.
const CHUNKED: &str = "aws-chunked";
/// CRC-32 as zip has it: the polynomial of IEEE 802.3, reversed.
const CRC32: u64 = 0xEDB8_8320;
/// CRC-32C: Castagnoli's polynomial, reversed.
const CRC32C: u64 = 0x82F6_3B78;
/// CRC-64/NVME: the polynomial of the NVM Express specification, reversed.
const CRC64NVME: u64 = 0x9A6C_9329_AC4B_C9B5;

/// A body without its wrapping.
#[derive(Debug)]
pub(super) struct Payload {
    pub(super) bytes: Vec<u8>,
    /// Headers that came behind the body, with names in lower case.
    pub(super) trailers: Vec<(String, String)>,
}

impl Payload {
    /// Unwraps a body, and holds it against the checksums that came with it.
    pub(super) fn read(headers: &HeaderMap, body: &[u8]) -> Result<Self, Refusal> {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let payload = if header("x-amz-content-sha256").is_some_and(|hash| hash.starts_with(IN_CHUNKS)) {
            let incomplete = || Refusal::new("IncompleteBody", "The request body terminated unexpectedly");
            let payload = unchunked(body).ok_or_else(incomplete)?;
            let told = header("x-amz-decoded-content-length").and_then(|length| length.parse().ok());
            if told != Some(payload.bytes.len()) {
                return Err(incomplete());
            }
            payload
        } else {
            Self { bytes: body.to_vec(), trailers: Vec::new() }
        };
        let sent = |name: &str| payload.trailer(name).or_else(|| header(name));
        for (name, checksum) in CHECKSUMS {
            if sent(name).is_some_and(|sent| sent != base64(&checksum(&payload.bytes))) {
                let algorithm = name.rsplit('-').next().unwrap_or_default().to_uppercase();
                let message = format!("The {algorithm} you specified did not match the calculated checksum.");
                return Err(Refusal::new("BadDigest", message));
            }
        }
        Ok(payload)
    }

    /// What a trailer says.
    pub(super) fn trailer(&self, name: &str) -> Option<&str> {
        self.trailers.iter().find(|(sent, _)| sent == name).map(|(_, value)| value.as_str())
    }
}

/// A content encoding without what was only for the way; `None` where nothing is left of it.
pub(super) fn encoding_kept(encoding: &str) -> Option<String> {
    let kept: Vec<&str> = encoding.split(',').map(str::trim).filter(|one| *one != CHUNKED && !one.is_empty()).collect();
    (!kept.is_empty()).then(|| kept.join(", "))
}

/// The MD5 of a body as an `ETag` has it, without the quotes.
pub(super) fn etag(body: &[u8]) -> String {
    hex::encode(Md5::digest(body))
}

/// `LENGTH[;chunk-signature=…]`, the chunk, …, a chunk of no length, the trailers.
fn unchunked(mut body: &[u8]) -> Option<Payload> {
    let mut payload = Payload { bytes: Vec::new(), trailers: Vec::new() };
    loop {
        let (head, rest) = line(body)?;
        let length = usize::from_str_radix(head.split(';').next()?.trim(), 16).ok()?;
        body = rest;
        if length == 0 {
            break;
        }
        let (chunk, rest) = body.split_at_checked(length)?;
        payload.bytes.extend_from_slice(chunk);
        body = rest.strip_prefix(b"\r\n")?;
    }
    while let Some((trailer, rest)) = line(body).filter(|(trailer, _)| !trailer.is_empty()) {
        let (name, value) = trailer.split_once(':')?;
        payload.trailers.push((name.trim().to_lowercase(), value.trim().to_owned()));
        body = rest;
    }
    Some(payload)
}

fn line(body: &[u8]) -> Option<(&str, &[u8])> {
    let end = body.windows(2).position(|two| two == b"\r\n")?;
    let (line, rest) = body.split_at_checked(end)?;
    Some((std::str::from_utf8(line).ok()?, rest.get(2..)?))
}

type Checksum = fn(&[u8]) -> Vec<u8>;

/// The checksums that are held against the body, by their headers; the others are believed.
const CHECKSUMS: [(&str, Checksum); 5] = [
    ("content-md5", |body| Md5::digest(body).to_vec()),
    ("x-amz-checksum-crc32", |body| crc(body, CRC32, 4)),
    ("x-amz-checksum-crc32c", |body| crc(body, CRC32C, 4)),
    ("x-amz-checksum-crc64nvme", |body| crc(body, CRC64NVME, 8)),
    ("x-amz-checksum-sha256", |body| Sha256::digest(body).to_vec()),
];

/// A reflected CRC of so many bytes that begins and ends with all ones, big end first.
fn crc(body: &[u8], polynomial: u64, width: usize) -> Vec<u8> {
    let ones = if width == 8 { u64::MAX } else { u64::from(u32::MAX) };
    let mut sum = ones;
    for byte in body {
        sum ^= u64::from(*byte);
        for _ in 0..8 {
            sum = if sum & 1 == 1 { (sum >> 1) ^ polynomial } else { sum >> 1 };
        }
    }
    let all = (sum ^ ones).to_be_bytes();
    all.into_iter().skip(8 - width).collect()
}

fn base64(bytes: &[u8]) -> String {
    aws_smithy_types::base64::encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check values of the catalogue of CRC algorithms, for `123456789`.
    #[test]
    fn checksums_are_those_of_their_specifications() {
        assert_eq!(crc(b"123456789", CRC32, 4), 0xCBF4_3926_u32.to_be_bytes());
        assert_eq!(crc(b"123456789", CRC32C, 4), 0xE306_9283_u32.to_be_bytes());
        assert_eq!(crc(b"123456789", CRC64NVME, 8), 0xAE8B_1486_0A79_9888_u64.to_be_bytes());
        assert_eq!(etag(b""), "d41d8cd98f00b204e9800998ecf8427e");
    }

    #[test]
    fn chunks_and_trailers_are_unwrapped_and_held_against_their_checksum() {
        let mut headers = HeaderMap::new();
        headers.insert("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER".parse().unwrap());
        headers.insert("x-amz-decoded-content-length", "9".parse().unwrap());
        let body = |checksum: &str| {
            format!("5\r\n12345\r\n4;chunk-signature=ab\r\n6789\r\n0\r\nx-amz-checksum-crc32:{checksum}\r\n\r\n")
        };
        let payload = Payload::read(&headers, body("y/Q5Jg==").as_bytes()).unwrap();
        assert_eq!(payload.bytes, b"123456789");
        assert_eq!(payload.trailer("x-amz-checksum-crc32"), Some("y/Q5Jg=="));
        assert_eq!(Payload::read(&headers, body("AAAAAA==").as_bytes()).unwrap_err().code, "BadDigest");
        assert_eq!(Payload::read(&headers, b"5\r\n123").unwrap_err().code, "IncompleteBody");
    }

    #[test]
    fn what_was_only_for_the_way_is_not_kept() {
        assert_eq!(encoding_kept("aws-chunked,gzip").as_deref(), Some("gzip"));
        assert_eq!(encoding_kept("aws-chunked"), None);
        assert_eq!(encoding_kept("br").as_deref(), Some("br"));
    }
}
