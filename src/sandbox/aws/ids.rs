//! Identifiers in the forms that AWS gives them. The same seed draws the same ones, so a scenario can be compared.

use sha2::{Digest, Sha256};

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// A source of identifiers that never gives one twice.
#[derive(Debug, Default)]
pub(super) struct Ids {
    drawn: u32,
}

impl Ids {
    fn draw(&mut self) -> [u8; 32] {
        self.drawn += 1;
        Sha256::digest(self.drawn.to_be_bytes()).into()
    }

    /// 32 hexadecimal digits: tasks, runtime ids.
    pub(super) fn hex(&mut self) -> String {
        hex::encode(self.draw()).chars().take(32).collect()
    }

    /// 19 decimal digits: deployments (`ecs-svc/…`) and service revisions.
    pub(super) fn digits(&mut self) -> String {
        let number = self.draw().iter().take(8).fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
        (1_000_000_000_000_000_000 + number % 9_000_000_000_000_000_000).to_string()
    }

    /// 21 characters: service deployments.
    pub(super) fn word(&mut self) -> String {
        let letter = |byte: &u8| ALPHABET.get(usize::from(byte % 64)).map_or('A', |letter| char::from(*letter));
        self.draw().iter().take(21).map(letter).collect()
    }

    /// A UUID: attachments, events, request ids.
    pub(super) fn uuid(&mut self) -> String {
        let hex = self.hex();
        let mut uuid = String::with_capacity(36);
        for (position, digit) in hex.chars().enumerate() {
            if [8, 12, 16, 20].contains(&position) {
                uuid.push('-');
            }
            uuid.push(digit);
        }
        uuid
    }

    /// A private address that no other task has had: 10.0.16.1 and on.
    pub(super) fn address(&mut self) -> String {
        self.drawn += 1;
        let [_, high, middle, low] = (0x1000 + self.drawn).to_be_bytes();
        format!("10.{high}.{middle}.{low}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_have_the_forms_of_aws_and_never_repeat() {
        let mut ids = Ids::default();
        assert_eq!(ids.hex().len(), 32);
        assert_eq!(ids.digits().len(), 19);
        assert_eq!(ids.word().len(), 21);
        assert_eq!(ids.uuid().split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert_ne!(ids.address(), ids.address());
    }
}
