//! Bytes in JSON. Requests and replies are JSON in the journal and between the parts of the stand-in, also where a member
//! is the body of an object.
//!
//! What is UTF-8 stays readable. Every byte that is not becomes one character of the private use area (U+EF80 to U+EFFF),
//! and so do the bytes of these characters themselves, so that what was written is read back exactly.

/// The first character that stands for a byte: that of 0x80.
const FIRST: u32 = 0xEF80;

/// The text that stands for these bytes.
pub(super) fn text_of(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if byte_of(character).is_some() {
                text.extend(character.encode_utf8(&mut [0; 4]).bytes().filter_map(character_of));
            } else {
                text.push(character);
            }
        }
        text.extend(chunk.invalid().iter().copied().filter_map(character_of));
    }
    text
}

/// The bytes that a text stands for.
pub(super) fn bytes_of(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for character in text.chars() {
        match byte_of(character) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes
}

/// Bytes below 0x80 are always UTF-8.
fn character_of(byte: u8) -> Option<char> {
    char::from_u32(FIRST + u32::from(byte.checked_sub(0x80)?))
}

fn byte_of(character: char) -> Option<u8> {
    let offset = u32::from(character).checked_sub(FIRST)?;
    u8::try_from(offset).ok().filter(|offset| *offset < 0x80).map(|offset| offset + 0x80)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_stays_text_and_other_bytes_come_back() {
        assert_eq!(text_of("<html>é</html>".as_bytes()), "<html>é</html>");
        let gzip = [0x1f, 0x8b, 0x08, 0x00, 0xff, 0xfe];
        assert_eq!(bytes_of(&text_of(&gzip)), gzip);
        assert_eq!(bytes_of(&text_of("\u{ef80}\u{efff}".as_bytes())), "\u{ef80}\u{efff}".as_bytes());
    }

    proptest! {
        #[test]
        fn every_body_comes_back(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            prop_assert_eq!(bytes_of(&text_of(&bytes)), bytes);
        }
    }
}
